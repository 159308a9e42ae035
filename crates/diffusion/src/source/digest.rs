//! The hash over all that decides on a model's pictures.

use common::Result;
use common::hex::hex;
use sha2::{Digest, Sha256};

use super::{ModelSource, VaeSource};
use crate::digests::DigestCache;
use crate::part::Part;
use crate::weights::SafetensorsFile;

impl ModelSource {
    /// SHA-256, in lowercase hex, over everything that decides on the pictures: over the names and hashes of all files that
    /// are read, and the LoRAs' weights.
    ///
    /// # Errors
    /// [`Error::Io`](common::Error::Io) if a file can't be read, [`Error::Weights`](common::Error::Weights) if one is missing.
    pub fn sha256(&self, digests: &DigestCache) -> Result<String> {
        let mut hash = Sha256::new();
        for name in self.folder_files()? {
            add(&mut hash, &name, self.folder.sha256(&name, digests)?);
        }
        if let Some(VaeSource::Folder(folder)) = &self.vae {
            for name in folder.files_of("", Part::Vae.stem())? {
                add(
                    &mut hash,
                    &format!("vae:{name}"),
                    folder.sha256(&name, digests)?,
                );
            }
        }
        let mut add_file = |role: &str, file: &SafetensorsFile| -> Result<()> {
            add(&mut hash, role, digests.sha256(&file.path)?);
            Ok(())
        };
        if let Some(checkpoint) = &self.checkpoint {
            add_file("checkpoint", checkpoint.file())?;
        }
        if let Some(VaeSource::File(file)) = &self.vae {
            add_file("vae", file)?;
        }
        for lora in &self.loras {
            add_file(&format!("lora:{}", lora.scale()), lora.file())?;
        }
        for embedding in &self.embeddings {
            add_file(&format!("embedding:{}", embedding.name), &embedding.file)?;
        }
        Ok(hex(&hash.finalize()))
    }

    /// Names of all files of the folder that decide on the pictures; without the weights that others replace.
    fn folder_files(&self) -> Result<Vec<String>> {
        let mut names = vec!["model_index.json".to_owned()];
        names.extend(self.folder.texts_of("scheduler")?);
        for tokenizer in ["tokenizer", "tokenizer_2"] {
            if self.folder.has_part(tokenizer) {
                names.extend(self.folder.texts_of(tokenizer)?);
            }
        }
        for part in Part::ALL.into_iter().filter(|part| self.has(*part)) {
            let is_replaced = part == Part::Vae && self.vae.is_some();
            names.extend(match self.checkpoint.is_some() || is_replaced {
                true => self.folder.texts_of(part.folder())?,
                false => self.folder.files_of(part.folder(), part.stem())?,
            });
        }
        Ok(names)
    }
}

/// Adds a file to a hash over files; no two lists of names and digests give the same bytes.
fn add(hash: &mut Sha256, name: &str, digest: [u8; 32]) {
    hash.update((name.len() as u64).to_le_bytes());
    hash.update(name.as_bytes());
    hash.update(digest);
}
