/* A BLAS that is in the process before the backend's, as a library that the program links may bring one. */
__attribute__((visibility("default"))) void cblas_sgemm(void);

void cblas_sgemm(void)
{
}
