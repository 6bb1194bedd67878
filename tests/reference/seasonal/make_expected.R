# Rscript make_expected.R   (R 4.2.2, base packages only; run in this folder)
# Regressions by lm and glm on the Danish deaths of ../health, each week fitted anew on what was before it.
deaths <- read.csv("../health/deaths_denmark_age_weekly.csv")
monday_of_week_1 <- function(year) {
  fourth <- as.Date(sprintf("%d-01-04", year))
  fourth - (as.POSIXlt(fourth)$wday + 6) %% 7
}
weeks <- seq(430, 782, by = 8)
rows <- list()
for (unit in c("[0,1)", "[65,75)", "[85,Inf)")) {
  one <- deaths[deaths$unit == unit, ]
  n <- nrow(one)
  date <- monday_of_week_1(one$year[1]) + 7 * (one$week[1] - 1) + 7 * (seq_len(n) - 1)
  angle <- 2 * pi * as.numeric(date - as.Date("2000-01-01")) / 365.25
  iso <- as.integer(format(date, "%V"))
  frame <- data.frame(y = one$count, t = seq_len(n), c1 = cos(angle), s1 = sin(angle), iso = iso)
  for (k in weeks[weeks <= n]) {
    past <- frame[seq_len(k - 1), ]
    strict <- glm.control(epsilon = 1e-14, maxit = 100)
    g <- glm(y ~ t + c1 + s1, family = quasipoisson, data = past, control = strict)
    phi <- max(1, summary(g)$dispersion)
    mu <- unname(predict(g, frame[k, ], type = "response"))
    up <- if (phi > 1) qnbinom(0.99, size = mu / (phi - 1), prob = 1 / phi) else qpois(0.99, mu)
    p <- if (phi > 1) pnbinom(frame$y[k] - 1, size = mu / (phi - 1), prob = 1 / phi, lower.tail = FALSE) else
      ppois(frame$y[k] - 1, mu, lower.tail = FALSE)
    poisson_up <- qpois(0.99, mu)
    kept <- past[past$y <= quantile(past$y, 0.85), ]
    l <- lm(y ~ t + c1 + s1, data = kept)
    wave <- unname(predict(l, frame[k, ]))
    five <- past[past$t >= k - 260, ]
    quiet <- five[(five$iso >= 15 & five$iso <= 26) | (five$iso >= 36 & five$iso <= 45), ]
    e <- glm(y ~ t + c1 + s1, family = quasipoisson, data = quiet, control = strict)
    phi_e <- max(1, summary(e)$dispersion)
    at <- predict(e, frame[k, ], type = "response", se.fit = TRUE, dispersion = phi_e)
    m <- unname(at$fit)
    tau <- phi_e + unname(at$se.fit)^2 / m
    z <- (frame$y[k]^(2 / 3) - m^(2 / 3)) / sqrt(4 / 9 * m^(1 / 3) * tau)
    rows[[length(rows) + 1]] <- data.frame(
      unit = unit, index = k, count = frame$y[k], periodic_mean = mu, periodic_phi = phi, nb_upper = up, nb_p = p,
      poisson_upper = poisson_up, serfling_expected = wave, serfling_sigma = summary(l)$sigma,
      serfling_n = nrow(kept), excess_expected = m, excess_phi = phi_e, excess_se = unname(at$se.fit), excess_z = z)
  }
}
out <- do.call(rbind, rows)
for (name in names(out)[-(1:3)]) out[[name]] <- sprintf("%.17g", out[[name]])
write.csv(out, "expected.csv", row.names = FALSE, quote = 1)
