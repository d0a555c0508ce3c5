// A Gaussian mixture: half-normal standard deviations, and correlations apart from them.
functions {
#include mixture.stanfunctions
}
data {
  int<lower=1> N, K, D;
  array[N] vector[D] x;
  real<lower=0> concentration;
  vector[D] mean_loc;
  vector<lower=0>[D] mean_scale;
  vector<lower=0>[D] sd_scale;
  real<lower=0> eta;
}
parameters {
  simplex[K] weights;
  array[K] vector[D] means;
  array[K] vector<lower=0>[D] sds;
  array[K] cholesky_factor_corr[D] correlation_factors;
}
transformed parameters {
  array[K] matrix[D, D] factors;
  for (k in 1:K) {
    factors[k] = diag_pre_multiply(sds[k], correlation_factors[k]);
  }
}
model {
  weights ~ dirichlet(rep_vector(concentration, K));
  for (k in 1:K) {
    means[k] ~ normal(mean_loc, mean_scale);
    sds[k] ~ normal(0, sd_scale);
    correlation_factors[k] ~ lkj_corr_cholesky(eta);
  }
  x ~ mixture(weights, means, factors);
}
generated quantities {
  array[K] matrix[D, D] covariances;
  for (k in 1:K) {
    covariances[k] = multiply_lower_tri_self_transpose(factors[k]);
  }
}
