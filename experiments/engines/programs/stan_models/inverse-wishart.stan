// A Gaussian mixture: independent normal means and inverse-Wishart covariances.
functions {
#include mixture.stanfunctions
}
data {
  int<lower=1> N, K, D;
  array[N] vector[D] x;
  real<lower=0> concentration;
  vector[D] mean_loc;
  vector<lower=0>[D] mean_scale;
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
    means[k] ~ normal(mean_loc, mean_scale);
    covariances[k] ~ inv_wishart(nu, psi);
    factors[k] = cholesky_decompose(covariances[k]);
  }
  x ~ mixture(weights, means, factors);
}
