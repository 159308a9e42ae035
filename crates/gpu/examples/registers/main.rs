//! What the compiler for Radeon cards makes of the kernels, without a card.
//!
//! ```text
//! RADV_FORCE_FAMILY=navi21 cargo run --release -p visualize-gpu --features registers --example registers
//! ```
//!
//! It needs Mesa's Vulkan drivers (Debian's package mesa-vulkan-drivers). The kernels are listed on any GPU that can be opened,
//! lavapipe will do, in the role of a card; then RADV compiles them for the chip that the variable names: `navi21` is that of the
//! RX 6800, `navi31` that of the RX 7900. An argument prints the instructions of the kernels in whose names it occurs.
//!
//! Columns: vector registers of a thread; waves that they leave room for on a SIMD; registers that are kept in memory for want of
//! room; bytes of shared memory; instructions; instructions of the block that multiplies most, which is the inner loop; and how many of
//! those are packed (two multiplications in half precision), other multiplications, conversions, accesses to shared memory.

#![expect(
    clippy::unwrap_used,
    reason = "a tool that stops where a driver refuses"
)]

mod radv;
mod variants;

use radv::Radv;

/// Instructions by what they do, by the beginnings of their names.
const KINDS: [(&str, &[&str]); 4] = [
    ("packed", &["v_pk_fma"]),
    ("fma", &["v_fma_", "v_fmac_"]),
    ("convert", &["v_cvt_"]),
    ("shared", &["ds_"]),
];

fn main() {
    let wanted = std::env::args().nth(1);
    let radv = Radv::open();
    println!("{}", radv.name());
    let kinds = KINDS.map(|(kind, _)| format!("{kind:>7}"));
    println!(
        "registers waves spilled shared-bytes instructions in-loop {} kernel",
        kinds.join(" ")
    );
    for source in variants::all() {
        let compiled = radv.compile(&source);
        let [
            registers,
            waves,
            shared_bytes,
            vectors,
            scalars,
            n_instructions,
        ] = [
            "VGPRs",
            "Subgroups per SIMD",
            "LDS size",
            "Spilled VGPRs",
            "Spilled SGPRs",
            "Instructions",
        ]
        .map(|name| compiled.statistics[name]);
        let spilled = vectors + scalars;
        let count = |block: &[&str], beginnings: &[&str]| {
            let is_meant = |name: &&&str| beginnings.iter().any(|begin| name.starts_with(begin));
            block.iter().filter(is_meant).count()
        };
        let multiplications = |block: &Vec<&str>| count(block, &["v_pk_fma", "v_fma_", "v_fmac_"]);
        let blocks = compiled.blocks();
        let inner = blocks.iter().max_by_key(|block| multiplications(block));
        let inner = inner.map_or(&[][..], Vec::as_slice);
        let counts = KINDS.map(|(_, beginnings)| format!("{:>7}", count(inner, beginnings)));
        println!(
            "{registers:>9} {waves:>5} {spilled:>7} {shared_bytes:>12} {n_instructions:>12} {:>7} {} {}",
            inner.len(),
            counts.join(" "),
            source.name
        );
        if wanted
            .as_ref()
            .is_some_and(|wanted| source.name.contains(wanted))
        {
            println!("{}", compiled.text);
        }
    }
}
