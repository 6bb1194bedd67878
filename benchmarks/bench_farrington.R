# Rscript bench_farrington.R counts.csv result.csv
# Runs farringtonFlexible (Noufaily settings) on the last week of every column and prints user+system and elapsed
# seconds of that call alone: neither the start of R nor the reading of the file counts.
suppressMessages(library(surveillance))
args <- commandArgs(trailingOnly = TRUE)
counts <- as.matrix(read.csv(args[1], header = FALSE))
series <- sts(observed = counts, frequency = 52, start = c(2001, 1))
control <- list(range = nrow(counts), b = 5, w = 3, reweight = TRUE, weightsThreshold = 2.58, trend = TRUE,
                pThresholdTrend = 1, noPeriods = 10, pastWeeksNotIncluded = 26, thresholdMethod = "nbPlugin",
                alpha = 0.01, limit54 = c(0, 4), verbose = FALSE)
invisible(gc(verbose = FALSE))
used <- system.time(found <- suppressWarnings(farringtonFlexible(series, control = control)))
cat(sprintf("%.6f %.6f %s %s\n", used[["user.self"]] + used[["sys.self"]], used[["elapsed"]],
            as.character(packageVersion("surveillance")), paste(R.version$major, R.version$minor, sep = ".")))
write.table(cbind(sprintf("%.17g", upperbound(found)[1, ]), sprintf("%.17g", found@control$phi[1, ]),
                  sprintf("%.17g", found@control$pvalue[1, ]), as.integer(alarms(found)[1, ])),
            args[2], sep = ",", row.names = FALSE, col.names = FALSE, quote = FALSE)
