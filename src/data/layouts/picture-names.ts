/**
 * Names of pictures; unsupported formats are listed as unreadable, not ignored. The actual format is determined by the first
 * bytes.
 */
export const PICTURE_NAME =
  /\.(jpe?g|jpe|jfif?|jfi|jif|a?png|webp|avifs?|gif|tiff?|bmp|dib|svg|hei[cf]s?|hif|jxl|jp2|j2k|j2c|jpc|jpf|jpx)$/i;

/**
 * Names of other pictures, mostly sources of pictures: camera raw files, files of drawing programs, and the remaining formats of
 * `datasets`' imagefolder. They are used if their first bytes are those of a readable picture, else left out with the reason,
 * which does not count as damage.
 */
export const OTHER_PICTURE_NAME =
  /\.(cr[23w]|nef|arw|dng|orf|rw2|raf|pef|psd|psb|xcf|kra|clip|exr|hdr|qoi|blp|bufr|cur|pcx|dcx|dds|e?ps|ai|fits?|fl[ic]|ft[cu]|gbr|grib|icns|ico|i?im|msp|pcd|pxr|p[bgnp]m|bw|rgba?|sgi|ras|tga|icb|vda|vst|wmf|emf|xbm|xpm)$/i;

/** Names that no picture has: such files are not examined. */
const OTHER_FILE =
  /\.(txt|caption|json|jsonl|csv|tsv|md|rst|html?|xml|ya?ml|toml|ini|cfg|py|ipynb|[cm]?[jt]s|sh|log|np[yz]|pth?|bin|safetensors|ckpt|onnx|pkl|parquet|arrow|feather|tar|t?gz|t?bz2|t?xz|zst|zip|rar|7z|tfrecords?|h5|hdf5|mdb|db|sqlite|mp[34]|mpe?g|mov|avi|mkv|webm|wav|flac|ogg|pdf|docx?|xlsx?|lock)$/i;

/** Whether a file's name says nothing about its contents. */
export const isStrange = (file: string): boolean =>
  !PICTURE_NAME.test(file) && !OTHER_PICTURE_NAME.test(file) && !OTHER_FILE.test(file);

/** A path without its extension. */
export const stemOf = (path: string): string => path.replace(/\.[^./\\]*$/, "");
