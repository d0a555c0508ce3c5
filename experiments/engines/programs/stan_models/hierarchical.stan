// A Gaussian mixture: precisions that are Wishart given a matrix C, which is Wishart itself.
//
// The prior is written with the densities |P|^(a - (D + 1) / 2) exp(-tr(C P)). Stan's Wishart
// distribution has twice the shape a as its degrees of freedom, and its scale matrix is the inverse
// of 2 C. The covariance matrix of such a precision is inverse-Wishart with the scale matrix 2 C.
functions {
#include mixture.stanfunctions
}
data {
  int<lower=1> N, K, D;
  array[N] vector[D] x;
  real<lower=0> concentration;
  vector[D] mean_loc;
  vector<lower=0>[D] mean_scale;
  real<lower=0> shape;
  real<lower=0> rate_shape;
  vector<lower=0>[D] rate_rate;
}
parameters {
  simplex[K] weights;
  array[K] vector[D] means;
  array[K] cov_matrix[D] covariances;
  cov_matrix[D] common;
}
model {
  array[K] matrix[D, D] factors;
  weights ~ dirichlet(rep_vector(concentration, K));
  common ~ wishart(2 * rate_shape, diag_matrix(0.5 / rate_rate));
  for (k in 1:K) {
    means[k] ~ normal(mean_loc, mean_scale);
    covariances[k] ~ inv_wishart(2 * shape, 2 * common);
    factors[k] = cholesky_decompose(covariances[k]);
  }
  x ~ mixture(weights, means, factors);
}
