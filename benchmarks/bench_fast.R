# Rscript bench_fast.R counts.csv folder
# One-pass detectors on every column of a table of daily counts. Prints, one line a detector, its name, user+system seconds of the
# call alone and the number of columns, and writes the alarms to folder/<name>.csv.
suppressMessages(library(surveillance))
args <- commandArgs(trailingOnly = TRUE)
counts <- as.matrix(read.csv(args[1], header = FALSE))
days <- nrow(counts)
report <- function(name, columns, run) {
  series <- sts(observed = counts[, seq_len(columns), drop = FALSE], frequency = 365, start = c(2001, 1))
  invisible(gc(verbose = FALSE))
  used <- system.time(found <- suppressWarnings(run(series)))
  flags <- matrix(0L, days, columns)
  flags[(days - nrow(found) + 1):days, ] <- as.integer(alarms(found))
  write.table(flags, file.path(args[2], paste0(name, ".csv")), sep = ",", row.names = FALSE, col.names = FALSE)
  cat(sprintf("%s %.6f %d\n", name, used[["user.self"]] + used[["sys.self"]], columns))
}
all <- ncol(counts)
report("ears_c1", all, function(s) earsC(s, control = list(method = "C1", alpha = 0.001)))
report("ears_c2", all, function(s) earsC(s, control = list(method = "C2", alpha = 0.001)))
report("cusum", all, function(s) cusum(s, control = list(range = seq_len(days), k = 1.04, h = 2.26, m = 5, trans = "rossi")))
report("outbreakp", max(2, all %/% 10), function(s) outbreakP(s, control = list(range = seq_len(days), k = 100, ret = "value")))
