// A Gaussian mixture: inverse-Wishart covariances, and means whose spread is that of their component.
functions {
#include mixture.stanfunctions
}
data {
  int<lower=1> N, K, D;
  array[N] vector[D] x;
  real<lower=0> concentration;
  vector[D] mean_loc;
  real<lower=0> kappa;
  real<lower=D - 1> nu;
  cov_matrix[D] psi;
}
parameters {
  simplex[K] weights;
  array[K] vector[D] means;
  array[K] cov_matrix[D] covariances;
}
model {
  array[K] matrix[D, D] factors;
  weights ~ dirichlet(rep_vector(concentration, K));
  for (k in 1:K) {
    covariances[k] ~ inv_wishart(nu, psi);
    factors[k] = cholesky_decompose(covariances[k]);
    means[k] ~ multi_normal_cholesky(mean_loc, factors[k] / sqrt(kappa));
  }
  x ~ mixture(weights, means, factors);
}
