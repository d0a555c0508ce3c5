# Fits one mixture with mclust, and prints a line for each thing found: its name, then numbers in R's order, by columns.
# Rscript mclust_fit.R ROWS COMPONENTS MODEL SEED, where ROWS is a file of comma-separated numbers without names.
arguments <- commandArgs(trailingOnly = TRUE)
if (!requireNamespace("mclust", quietly = TRUE)) quit(status = 3)
suppressPackageStartupMessages(library(mclust))
rows <- as.matrix(read.csv(arguments[1], header = FALSE))
# Of many rows mclust starts from a random subset.
set.seed(as.integer(arguments[4]))
fit <- Mclust(rows, G = as.integer(arguments[2]), modelNames = arguments[3], verbose = FALSE)
if (is.null(fit) || is.na(fit$loglik)) quit(status = 4)
found <- fit$parameters
k <- fit$G
covariances <- found$variance$sigma
if (ncol(rows) == 1) covariances <- rep_len(found$variance$sigmasq, k)
weights <- if (k == 1) 1 else found$pro
say <- function(name, values) cat(name, sprintf("%.17g", as.vector(values)), "\n")
cat("version", as.character(packageVersion("mclust")), "\n")
say("log_likelihood", fit$loglik)
say("weights", weights)
say("means", found$mean)
say("covariances", covariances)
