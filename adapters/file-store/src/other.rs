//! Where there are no modes: who may see a file is up to the folder that it is in.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

use crate::Error;

pub(crate) fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    if fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink()) {
        return Err(io::Error::other("it is a symbolic link"));
    }
    options.open(path)
}

pub(crate) fn create_folder(path: &Path) -> io::Result<()> {
    fs::create_dir(path)
}

#[expect(clippy::unnecessary_wraps, reason = "as on Unix")]
pub(crate) fn check(_: &Metadata, _: &Path, _: Option<u32>) -> Result<(), Error> {
    Ok(())
}

/// No file is one.
pub(crate) fn is_mount(_: &Path) -> bool {
    false
}

pub(crate) fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

/// A folder can't be opened as a file.
#[expect(clippy::unnecessary_wraps, reason = "as on Unix")]
pub(crate) fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
