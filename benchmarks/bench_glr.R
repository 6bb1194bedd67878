# Rscript bench_glr.R counts.csv means.csv folder
# Likelihood ratio charts on every column of a table of daily counts, with known means. Prints, one line a chart, its name,
# user+system and elapsed seconds of the call alone and the number of columns, and writes folder/<name>_alarms.csv and
# folder/<name>_statistic.csv. Only the statistic is asked for: R finds limits by counting, which takes far longer.
suppressMessages(library(surveillance))
args <- commandArgs(trailingOnly = TRUE)
counts <- as.matrix(read.csv(args[1], header = FALSE))
means <- read.csv(args[2], header = FALSE)[[1]]
days <- nrow(counts)
series <- sts(observed = counts, frequency = 365, start = c(2001, 1))
keep <- function(values, name) write.table(values, file.path(args[3], name), sep = ",", row.names = FALSE, col.names = FALSE)
report <- function(name, chart, mu0, more) {
  control <- c(list(range = seq_len(days), mu0 = mu0, c.ARL = 5, dir = "inc", change = "intercept", ret = "value"), more)
  invisible(gc(verbose = FALSE))
  used <- system.time(invisible(capture.output(found <- suppressWarnings(chart(series, control = control)))))
  keep(1L * alarms(found), paste0(name, "_alarms.csv"))
  keep(upperbound(found), paste0(name, "_statistic.csv"))
  cat(sprintf("%s %.6f %.6f %d\n", name, used[["user.self"]] + used[["sys.self"]], used[["elapsed"]], ncol(counts)))
}
report("nb_constant", glrnb, rep(5, days), list(alpha = 0.1))
report("nb_varying", glrnb, means, list(alpha = 0.1))
report("poisson_varying", glrpois, means, list())
cat(sprintf("R %s %s 0\n", paste(R.version$major, R.version$minor, sep = "."), as.character(packageVersion("surveillance"))))
