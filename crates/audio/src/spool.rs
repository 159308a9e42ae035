//! Songs that come through a pipe. A song is read several times, so it is kept in a temporary file.

use std::fs::File;
use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use common::partial_file::write_error;
use common::{Error, Result};
use tempfile::NamedTempFile;

/// A song that was read from a pipe, in a temporary file that is gone with this value and its clones. Any two are equal:
/// where a song is kept is no part of what it is.
#[derive(Clone, Debug)]
pub struct Spooled(Arc<Kept>);

/// A temporary file that has a path, and is gone with this value.
#[derive(Debug)]
pub(super) struct Kept {
    file: KeptFile,
    path: PathBuf,
}

/// On Linux, a file without a name can be opened again, and nothing of it stays if the program is killed.
#[derive(Debug)]
enum KeptFile {
    #[cfg(target_os = "linux")]
    Nameless(File),
    Named(NamedTempFile),
}

impl Spooled {
    /// The file.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl PartialEq for Spooled {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Kept {
    pub fn create(folder: &Path, extension: Option<&str>) -> std::io::Result<Self> {
        #[cfg(target_os = "linux")]
        {
            use std::os::fd::AsRawFd;
            let file = tempfile::tempfile_in(folder)?;
            // With the number of the process, so that other programs can be given the path.
            let path = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
            let path = PathBuf::from(path);
            if path.exists() {
                return Ok(Self {
                    file: KeptFile::Nameless(file),
                    path,
                });
            }
        }
        let suffix = extension.map_or_else(String::new, |text| format!(".{text}"));
        let file = tempfile::Builder::new()
            .prefix("visualize-")
            .suffix(&suffix)
            .tempfile_in(folder)?;
        Ok(Self {
            path: file.path().to_owned(),
            file: KeptFile::Named(file),
        })
    }

    /// Where it can be opened again, by other programs too.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn file(&self) -> &File {
        match &self.file {
            #[cfg(target_os = "linux")]
            KeptFile::Nameless(file) => file,
            KeptFile::Named(file) => file.as_file(),
        }
    }
}

/// Whether a song must be spooled: `-` for the standard input, a named pipe, or another thing that can be read only once.
pub fn is_stream(path: &Path) -> bool {
    path == Path::new("-")
        || path
            .metadata()
            .is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

/// Reads a pipe to its end, `-` being the standard input, into a temporary file in `folder`. `is_stopped` is asked ten
/// times a second, also while nobody writes to the pipe. One that doesn't end may take half of what is free on the disk.
///
/// # Errors
/// [`Error::Interrupted`] once `is_stopped` says so; [`Error::Io`] if the pipe can't be read or the folder can't be
/// written to; [`Error::Later`] if the disk is full; [`Error::Limit`] if half of it isn't enough; [`Error::Input`] if nothing
/// comes through the pipe, or the path is a device.
pub fn spool(path: &Path, folder: &Path, is_stopped: &dyn Fn() -> bool) -> Result<Spooled> {
    // A file system that doesn't tell may have room.
    let most_bytes = fs4::available_space(folder).map_or(u64::MAX, |free| free / 2);
    spool_at_most(most_bytes, path, folder, is_stopped)
}

fn spool_at_most(
    most_bytes: u64,
    path: &Path,
    folder: &Path,
    is_stopped: &dyn Fn() -> bool,
) -> Result<Spooled> {
    const PATIENCE: Duration = Duration::from_millis(100);
    if is_device(path) {
        return Err(Error::input(path, "is a device, not a song").with_hint(
            "give a file, or pipe a song into the command, such as: cat song.flac | visualize -",
        ));
    }
    let extension = path.extension().and_then(|text| text.to_str());
    if path == Path::new("-") && std::io::stdin().is_terminal() {
        let reason = "stands for the standard input, which is a terminal and no song";
        return Err(Error::input(path, reason)
            .with_hint("pipe a song into the command, such as: cat song.flac | visualize -"));
    }
    let kept = Kept::create(folder, extension).map_err(Error::io("write to", folder))?;
    let (sender, receiver) = sync_channel::<std::io::Result<Vec<u8>>>(4);
    let source: PathBuf = path.to_owned();
    // Opening and reading a pipe wait for its other end, so a thread of their own does it. It ends with the pipe, or with
    // the program.
    std::thread::spawn(move || {
        let send_all = || -> std::io::Result<()> {
            let mut reader: Box<dyn Read> = if source == Path::new("-") {
                Box::new(std::io::stdin())
            } else {
                Box::new(File::open(&source)?)
            };
            loop {
                let mut bytes = Vec::new();
                let n_read = reader.as_mut().take(1 << 16).read_to_end(&mut bytes)?;
                if n_read == 0 || sender.send(Ok(bytes)).is_err() {
                    return Ok(());
                }
            }
        };
        if let Err(error) = send_all() {
            let _ = sender.send(Err(error));
        }
    });
    let mut n_bytes: u64 = 0;
    loop {
        if is_stopped() {
            return Err(Error::Interrupted);
        }
        match receiver.recv_timeout(PATIENCE) {
            Ok(bytes) => {
                let bytes = bytes.map_err(Error::io("read", path))?;
                n_bytes += bytes.len() as u64;
                if n_bytes > most_bytes {
                    return Err(too_long(path, folder, most_bytes));
                }
                let place = folder.join("its copy of the song");
                kept.file()
                    .write_all(&bytes)
                    .map_err(write_error(&place, None))?;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    if n_bytes == 0 {
        return Err(
            Error::input(path, "is empty: nothing came through the pipe")
                .with_hint("the program that writes the song may have failed; run it alone to see"),
        );
    }
    Ok(Spooled(Arc::new(kept)))
}

fn too_long(path: &Path, folder: &Path, most_bytes: u64) -> Error {
    Error::Limit {
        reason: format!(
            "{}: has not ended after {:.0} MB, half of what was free on the disk of {}",
            path.display(),
            most_bytes as f64 / 1e6,
            folder.display()
        ),
        hint: Some(
            "if the stream has an end, save it to a file and give that, or set TMPDIR to a folder on a larger disk"
                .to_owned(),
        ),
    }
}

/// Devices such as `/dev/zero` give bytes without end.
fn is_device(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        path.metadata()
            .is_ok_and(|metadata| metadata.file_type().is_char_device())
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

#[cfg(all(test, unix))]
#[expect(clippy::unwrap_used, reason = "helpers of tests may panic")]
mod tests {
    use super::*;
    use std::process::Command;

    fn pipe_in(folder: &Path) -> PathBuf {
        let path = folder.join("song.wav");
        assert!(
            Command::new("mkfifo")
                .arg(&path)
                .status()
                .unwrap()
                .success()
        );
        path
    }

    #[test]
    fn a_pipe_becomes_a_file_of_the_same_kind() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = pipe_in(folder.path());
        assert!(is_stream(&pipe) && is_stream(Path::new("-")));
        assert!(!is_stream(folder.path()) && !is_stream(&folder.path().join("none")));
        let writer = {
            let pipe = pipe.clone();
            std::thread::spawn(move || std::fs::write(pipe, vec![7; 300_000]).unwrap())
        };
        let spooled = spool(&pipe, folder.path(), &|| false).unwrap();
        writer.join().unwrap();
        assert_eq!(std::fs::read(spooled.path()).unwrap(), vec![7; 300_000]);
        let path = spooled.path().to_owned();
        let clone = spooled.clone();
        drop(spooled);
        assert!(path.exists());
        drop(clone);
        assert!(!path.exists());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_pipe_that_nobody_writes_to_can_be_left() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = pipe_in(folder.path());
        let stopped = spool(&pipe, folder.path(), &|| true);
        assert!(matches!(stopped, Err(Error::Interrupted)));
        // Lets the reading thread go.
        std::fs::write(&pipe, b"").unwrap();
    }

    #[test]
    fn a_pipe_that_never_ends_is_left_before_the_disk_is_full() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = pipe_in(folder.path());
        let writer = {
            let pipe = pipe.clone();
            std::thread::spawn(move || {
                let mut pipe = File::create(pipe).unwrap();
                while pipe.write_all(&[7; 4096]).is_ok() {}
            })
        };
        let error = spool_at_most(2_000_000, &pipe, folder.path(), &|| false).unwrap_err();
        // Nobody reads any more, so the writer ends.
        writer.join().unwrap();
        let said = error.to_string();
        assert!(
            said.contains("has not ended after 2 MB, half of what was free on the disk of"),
            "{said}"
        );
        assert!(error.hint().unwrap().contains("TMPDIR"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_device_is_no_song() {
        for device in ["/dev/zero", "/dev/null"] {
            let error = spool(Path::new(device), &std::env::temp_dir(), &|| false).unwrap_err();
            assert!(error.to_string().contains("is a device, not a song"));
        }
    }
}
