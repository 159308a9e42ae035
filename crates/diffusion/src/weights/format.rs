//! What a file is that isn't a safetensors file, by its first bytes.

use std::path::Path;

use common::Error;

/// First bytes of files that people take for models, what they are, and what to do.
const FORMATS: [(&[u8], &str, &str); 8] = [
    (b"PK\x03\x04", PICKLED_ZIP, SAFE),
    (b"\x80\x02", PICKLED, SAFE),
    (b"\x80\x03", PICKLED, SAFE),
    (b"\x80\x04", PICKLED, SAFE),
    (
        b"GGUF",
        "is a GGUF file, whose quantised weights can't be read",
        SAFE,
    ),
    (
        b"version https://git-lfs",
        "is a pointer of Git LFS, not the file itself",
        "fetch the file with `git lfs pull`, or download it",
    ),
    (
        b"\x89HDF",
        "is an HDF5 file, which TensorFlow and Keras write",
        SAFE,
    ),
    (
        b"Rar!",
        "is an archive",
        "unpack it, and give the .safetensors file in it",
    ),
];

const PICKLED: &str = "is a pickled PyTorch file, which can run code when it is opened";
const PICKLED_ZIP: &str =
    "is a pickled PyTorch file (or another ZIP archive), which can run code when it is opened";
const SAFE: &str =
    "look for a .safetensors file of the same model, or convert it with a program that you trust";

/// The error for a file that isn't a safetensors file, if it is of a kind that is known. `start` holds its first bytes.
pub fn known(path: &Path, start: &[u8]) -> Option<Error> {
    let found = FORMATS
        .iter()
        .find(|(magic, _, _)| start.starts_with(magic));
    if let Some((_, what, hint)) = found {
        return Some(Error::weights(path, *what).with_hint(*hint));
    }
    let text = start.get(..64.min(start.len())).unwrap_or_default();
    let text = String::from_utf8_lossy(text)
        .trim_start()
        .to_ascii_lowercase();
    let is_page = text.starts_with("<!doctype html") || text.starts_with("<html");
    is_page.then(|| {
        Error::weights(
            path,
            "is a web page, not the file that should have been downloaded",
        )
        .with_hint("download the file itself; some sites give it only after a login")
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Bytes, SafetensorsFile};
    use super::*;

    #[test]
    fn files_that_people_take_for_models_are_named() {
        for (start, word, hint) in [
            (
                &b"PK\x03\x04xxxxxxxxxxxxxxxxxxxxxxxx"[..],
                "pickled",
                ".safetensors",
            ),
            (
                b"\x80\x02}q\x00(X\x05\x00\x00\x00model",
                "pickled",
                "convert",
            ),
            (b"GGUF\x03\x00\x00\x00", "GGUF", ".safetensors"),
            (
                b"version https://git-lfs.github.com/spec/v1\noid sha256:",
                "Git LFS",
                "git lfs pull",
            ),
            (b"\n<!DOCTYPE html><html><head>", "web page", "download"),
            (
                b"nothing that is known, but long enough",
                "not a safetensors file",
                "again",
            ),
        ] {
            let bytes = Bytes::Owned(start.into());
            let error = SafetensorsFile::parse(Path::new("m.safetensors"), bytes).unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
            assert!(error.hint().unwrap().contains(hint), "{:?}", error.hint());
        }
        let bytes = Bytes::Owned(b"nothing that is known, but long enough"[..].into());
        let error = SafetensorsFile::parse(Path::new("model.onnx"), bytes).unwrap_err();
        assert!(
            error.hint().unwrap().contains("diffusers layout"),
            "{:?}",
            error.hint()
        );
    }
}
