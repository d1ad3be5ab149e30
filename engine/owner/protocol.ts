/** What /internal means between the processes of this product; raised when that changes. */
export const engineProtocol = 1;
