//! Says when the H.264 encoder is built without its fast routines.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let is_x86 = env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch.starts_with("x86"));
    let paths = env::var_os("PATH").unwrap_or_default();
    let has_nasm = env::split_paths(&paths)
        .any(|folder| folder.join("nasm").is_file() || folder.join("nasm.exe").is_file());
    if is_x86 && !has_nasm {
        println!(
            "cargo:warning=nasm was not found: H.264 encoding will be about four times slower. Install it (apt-get install nasm, \
             brew install nasm), then `cargo clean -p openh264-sys2` and build again."
        );
    }
}
