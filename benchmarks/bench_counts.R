# Rscript bench_counts.R counts.csv means.csv folder
# One-pass detectors on every column of a table of daily counts. Prints, one line a detector, its name, user+system and
# elapsed seconds of the call alone and the number of columns, and writes the alarms to folder/<name>.csv.
suppressMessages(library(surveillance))
args <- commandArgs(trailingOnly = TRUE)
counts <- as.matrix(read.csv(args[1], header = FALSE))
means <- read.csv(args[2], header = FALSE)[[1]]
days <- nrow(counts)
as_series <- function(columns) sts(observed = counts[, seq_len(columns), drop = FALSE], frequency = 365, start = c(2001, 1))
report <- function(name, columns, run) {
  series <- as_series(columns)
  invisible(gc(verbose = FALSE))
  used <- system.time(found <- suppressWarnings(run(series)))
  flags <- matrix(0L, days, columns)
  flags[(days - nrow(found) + 1):days, ] <- as.integer(alarms(found))
  write.table(flags, file.path(args[3], paste0(name, ".csv")), sep = ",", row.names = FALSE, col.names = FALSE)
  cat(sprintf("%s %.6f %.6f %d\n", name, used[["user.self"]] + used[["sys.self"]], used[["elapsed"]], columns))
}
all <- ncol(counts)
few <- max(2, all %/% 10)
report("ears_c1", all, function(s) earsC(s, control = list(method = "C1", alpha = 0.001)))
report("ears_c2", all, function(s) earsC(s, control = list(method = "C2", alpha = 0.001)))
report("ears_c3", all, function(s) earsC(s, control = list(method = "C3", alpha = 0.025)))
report("cusum", all, function(s) cusum(s, control = list(range = seq_len(days), k = 1.04, h = 2.26, m = 5, trans = "rossi")))
glr <- function(mu0) function(s) {
  glrnb(s, control = list(range = seq_len(days), mu0 = mu0, alpha = 0.1, c.ARL = 5, dir = "inc", change = "intercept"))
}
report("glr_nb_constant", few, glr(rep(5, days)))
report("glr_nb_seasonal", few, glr(means))
cat(sprintf("R %s %s 0\n", paste(R.version$major, R.version$minor, sep = "."), as.character(packageVersion("surveillance"))))
