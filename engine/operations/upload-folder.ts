/** Uploads lie in folders of their own whose names begin so: what else is in the upload folder is never touched. */
export const uploadPrefix = "seedvr2-upload-";
