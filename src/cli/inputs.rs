//! The files that a command reads, so that no output takes the place of one.

use std::path::{Path, PathBuf};

use visualize::{Error, Result, Timeline, analysis};

use super::args::{ListenOptions, PlanOptions};

/// The files and folders that a command reads.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    files: Vec<(&'static str, PathBuf)>,
}

impl Inputs {
    /// A song, with the corrections beside it.
    pub fn add_song(&mut self, song: &Path) {
        self.add("the song", song);
        self.add("the song's corrections", analysis::fix_path(song));
    }

    /// Files that say how to listen.
    pub fn add_listening(&mut self, options: &ListenOptions) {
        for stem in &options.stems {
            self.add("a stem", &stem.path);
        }
        if let Some(path) = &options.beats {
            self.add("the file of beats", path);
        }
    }

    /// Files that a timeline is planned from, without the song.
    pub fn add_planning(&mut self, options: &PlanOptions) {
        self.add_listening(&options.listen);
        if let Some(path) = &options.draw.prompts {
            self.add("the file of prompts", path);
        }
        self.add("the model", &options.model.model);
        for lora in &options.model.loras {
            self.add("a LoRA", &lora.path);
        }
        for embedding in &options.model.embeddings {
            self.add("an embedding", &embedding.path);
        }
        if let Some(path) = &options.model.vae {
            self.add("the autoencoder", path);
        }
    }

    /// A timeline and what it names.
    pub fn add_timeline(&mut self, timeline: &Timeline, path: &Path) {
        self.add("the timeline", path);
        self.add("the song", &timeline.song.path);
        self.add("the model", &timeline.render.model);
        for lora in &timeline.render.diffusion.loras {
            self.add("a LoRA", &lora.path);
        }
        for embedding in &timeline.render.diffusion.embeddings {
            self.add("an embedding", &embedding.path);
        }
        if let Some(vae) = &timeline.render.diffusion.vae {
            self.add("the autoencoder", vae);
        }
    }

    /// A file, and what it is to the command.
    pub fn add(&mut self, what: &'static str, path: impl AsRef<Path>) {
        self.files.push((what, path.as_ref().to_owned()));
    }

    /// Refuses an output that is one of the inputs, or lies in a folder that is one. `out` is where `path` leads.
    ///
    /// # Errors
    /// [`Error::Input`] that says which.
    pub fn refuse(&self, path: &Path, out: &Path) -> Result<()> {
        let found = self
            .files
            .iter()
            .find(|(_, input)| is_same_file(input, out) || is_inside(out, input));
        match found {
            None => Ok(()),
            Some((what, input)) => {
                let reason = match input.is_dir() {
                    true => format!("belongs to {what}, which would be damaged"),
                    false => format!("is {what}, which would be destroyed"),
                };
                Err(Error::input(path, reason).with_hint("give the output another name"))
            }
        }
    }
}

/// Whether two paths lead to one file that exists: by links, other spellings, or a second name of it.
pub fn is_same_file(a: &Path, b: &Path) -> bool {
    let spelt = |path: &Path| path.canonicalize().ok();
    match (spelt(a), spelt(b)) {
        (Some(a), Some(b)) => a == b || is_second_name(&a, &b),
        _ => false,
    }
}

/// Whether two paths are hard links of one file.
#[cfg(unix)]
fn is_second_name(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (a.metadata(), b.metadata()) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

/// Other systems don't tell which file stands behind a name.
#[cfg(not(unix))]
fn is_second_name(_: &Path, _: &Path) -> bool {
    false
}

/// Whether a file that exists lies in a folder, at any depth.
fn is_inside(file: &Path, folder: &Path) -> bool {
    folder.is_dir()
        && matches!((file.canonicalize(), folder.canonicalize()), (Ok(file), Ok(folder)) if file.starts_with(&folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_is_known_by_all_its_names() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("song.wav");
        let other = folder.path().join("other.wav");
        let spelt = folder.path().join(".").join("song.wav");
        std::fs::write(&file, "x").unwrap();
        std::fs::write(&other, "x").unwrap();
        let mut names = vec![spelt];
        #[cfg(unix)]
        {
            let hard = folder.path().join("hard.wav");
            let soft = folder.path().join("soft.wav");
            std::fs::hard_link(&file, &hard).unwrap();
            std::os::unix::fs::symlink(&hard, &soft).unwrap();
            names.extend([hard, soft]);
        }
        let mut inputs = Inputs::default();
        inputs.add("the song", &file);
        for name in &names {
            let error = inputs.refuse(name, name).unwrap_err().to_string();
            assert!(error.contains("the song"), "{error}");
        }
        assert!(inputs.refuse(&other, &other).is_ok());
        assert!(!is_same_file(
            &folder.path().join("a"),
            &folder.path().join("a")
        ));
        inputs.add("the model", folder.path());
        assert!(inputs.refuse(&other, &other).is_err());
    }
}
