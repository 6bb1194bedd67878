# Rscript make_expected.R   (in this folder; needs the packages surveillance and jsonlite)
suppressMessages({library(surveillance); library(jsonlite)})
read_sts <- function(file, unit, frequency) {
  d <- read.csv(file, na.strings = "NA"); d <- d[d$unit == unit, ]
  sts(observed = d$count, epoch = as.numeric(as.Date(d$date)), epochAsDate = TRUE, frequency = frequency,
      population = matrix(as.numeric(d$population)), start = c(as.integer(substr(d$date[1], 1, 4)), 1))
}
num <- function(x) ifelse(is.nan(x), "NaN", ifelse(is.na(x), "NA", sprintf("%.17g", x)))
case <- function(name, file, units, frequency, range, ...) {
  control <- modifyList(list(range = range, b = 5, reweight = TRUE, weightsThreshold = 2.58, trend = TRUE,
    pThresholdTrend = 1, alpha = 0.01, limit54 = c(5, 4), powertrans = "2/3", populationOffset = FALSE, verbose = FALSE), list(...))
  out <- do.call(rbind, lapply(units, function(u) {
    s <- read_sts(file, u, frequency)
    r <- suppressWarnings(farringtonFlexible(s, control = control)); ct <- r@control
    data.frame(index = range, unit = u, observed = num(observed(r)[, 1]), upperbound = num(upperbound(r)[, 1]),
      alarm = num(alarms(r)[, 1]), score = num(ct$score[, 1]), pvalue = num(ct$pvalue[, 1]), expected = num(ct$expected[, 1]),
      mu0 = num(ct$mu0Vector[, 1]), phi = num(ct$phiVector[, 1]), trend_coef = num(ct$trendVector[, 1]))
  }))
  write.csv(out, file.path("expected", paste0(name, ".csv")), row.names = FALSE, quote = FALSE)
  control$range <- range(range); control$verbose <- NULL
  write(toJSON(list(case = name, input = file, units = I(units), range = range(range), control = control,
    package_version = as.character(packageVersion("surveillance")), r_version = paste(R.version$major, R.version$minor, sep = ".")),
    auto_unbox = TRUE, pretty = TRUE), file.path("expected", paste0(name, ".json")))
}
dir.create("expected", showWarnings = FALSE)
ill <- c("Hepatitis B", "Measles", "Mumps", "Cholera")
for (th in c("delta", "muan", "nbPlugin"))
  case(paste0("monthly_np10_", th), "monthly.csv", ill, 12, 70:120, w = 1, noPeriods = 10, pastWeeksNotIncluded = 6, thresholdMethod = th)
case("monthly_np4_w2", "monthly.csv", ill, 12, 70:120, w = 2, noPeriods = 4, pastWeeksNotIncluded = 2, thresholdMethod = "delta", pThresholdTrend = 0.05)
case("monthly_defaults", "monthly.csv", ill, 12, 70:120, w = 3, noPeriods = 1, pastWeeksNotIncluded = 3, thresholdMethod = "delta", pThresholdTrend = 0.05, alpha = 0.05)
for (th in c("delta", "muan", "nbPlugin"))
  case(paste0("weekly_gaps_np10_", th), "weekly.csv", "gaps", 52, 560:700, w = 3, noPeriods = 10, pastWeeksNotIncluded = 26, thresholdMethod = th)
case("weekly_gaps_np1_p05", "weekly.csv", "gaps", 52, 560:700, w = 3, noPeriods = 1, pastWeeksNotIncluded = 3, thresholdMethod = "delta", pThresholdTrend = 0.05)
case("weekly_sparse", "weekly.csv", c("sparse", "single"), 52, 560:700, w = 3, noPeriods = 10, pastWeeksNotIncluded = 26, thresholdMethod = "nbPlugin", limit54 = c(0, 4))
case("weekly_sparse_np1", "weekly.csv", c("sparse", "single"), 52, 560:700, w = 3, noPeriods = 1, pastWeeksNotIncluded = 26, thresholdMethod = "delta", limit54 = c(0, 4))
for (th in c("delta", "muan", "nbPlugin"))
  case(paste0("weekly_huge_", th), "weekly.csv", "huge", 52, 660:700, w = 3, noPeriods = 10, pastWeeksNotIncluded = 26, thresholdMethod = th)
case("weekly_population", "weekly.csv", "rate", 52, 660:700, w = 3, noPeriods = 10, pastWeeksNotIncluded = 26, thresholdMethod = "muan", populationOffset = TRUE)
