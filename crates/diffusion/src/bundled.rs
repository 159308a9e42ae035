use super::EmbeddedFolder;

/// Name under which users ask for [`BUNDLED`].
pub const BUNDLED_NAME: &str = "bundled";

/// The model that is part of the program: the folder `model/` of the repository, whose README says how it was made.
pub static BUNDLED: EmbeddedFolder = EmbeddedFolder {
    name: BUNDLED_NAME,
    files: bundled_model::FILES,
};
