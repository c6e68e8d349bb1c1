/** What mke2fs must leave out for kernels that are older than it, by guest. */
export const MKFS_OPTIONS: Readonly<Record<string, string>> = {
  el6: "-O ^64bit,^metadata_csum",
  centos6: "-O ^64bit,^metadata_csum",
};
