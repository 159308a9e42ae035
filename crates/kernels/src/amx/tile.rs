//! The instructions: eight tiles, four of which hold a block of the product.
#![expect(
    unsafe_code,
    reason = "tiles have no stable intrinsics; each use is covered by the proof that Amx is"
)]

use std::arch::asm;
use std::arch::x86_64::__cpuid_count;
use std::cell::Cell;
use std::marker::PhantomData;

use super::{Columns, SIDE, STEP_WORDS, Steps, TILE};

thread_local! {
    /// Whether this thread's tiles are set up.
    static IN_USE: Cell<bool> = const { Cell::new(false) };
}

/// Proof that the processor has AMX for bfloat16 and that the system lets this process use it.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Amx(());

impl Amx {
    /// Asks the processor, then the system.
    pub(in super::super) fn detect() -> Option<Self> {
        const TILES_AND_BF16: u32 = 1 << 24 | 1 << 22; // Intel SDM, CPUID leaf 7, EDX
        #[allow(unused_unsafe, reason = "safe from Rust 1.94 on")]
        // SAFETY: every processor of this architecture has CPUID, and leaf 7 where leaf 0 says so.
        let features = unsafe {
            match __cpuid_count(0, 0).eax {
                7.. => __cpuid_count(7, 0).edx,
                _ => 0,
            }
        };
        let is_there = features & TILES_AND_BF16 == TILES_AND_BF16;
        (is_there && is_permitted()).then_some(Self(()))
    }

    /// Sets this thread's tiles up, until the value is dropped.
    ///
    /// Panics if they are in use: dropping one of two would take them from the other.
    pub(in super::super) fn tiles(self) -> Tiles {
        assert!(
            !IN_USE.replace(true),
            "a thread's tiles are used once at a time"
        );
        let mut shape = TileShapes {
            palette: 1,
            start_row: 0,
            reserved: [0; 14],
            row_bytes: [0; 16],
            rows: [0; 16],
        };
        shape.row_bytes[..8].fill(64);
        shape.rows[..8].fill(16);
        // SAFETY: `self` proves that the instruction exists and is permitted. `shape` is what the SDM's LDTILECFG wants: palette 1, eight
        // tiles of 16 rows of 64 bytes.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) &raw const shape, options(nostack, readonly));
        }
        Tiles(PhantomData)
    }
}

/// Linux gives the tiles' state to those processes only that ask for it.
#[cfg(target_os = "linux")]
fn is_permitted() -> bool {
    const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
    const XFEATURE_XTILEDATA: libc::c_long = 18;
    // SAFETY: a system call without pointers; one that the kernel doesn't know returns an error.
    unsafe {
        libc::syscall(
            libc::SYS_arch_prctl,
            ARCH_REQ_XCOMP_PERM,
            XFEATURE_XTILEDATA,
        ) == 0
    }
}

/// Other systems aren't tried.
#[cfg(not(target_os = "linux"))]
fn is_permitted() -> bool {
    false
}

/// The operand of LDTILECFG.
#[repr(C)]
struct TileShapes {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

/// This thread's tiles, ready for products. Not to be sent: every thread has its own.
pub(in super::super) struct Tiles(PhantomData<*const ()>);

impl Drop for Tiles {
    fn drop(&mut self) {
        IN_USE.set(false);
        // SAFETY: exists where LDTILECFG did. From here on a switch of threads needn't save the tiles.
        unsafe {
            asm!("tilerelease", options(nostack, nomem));
        }
    }
}

impl Tiles {
    /// Writes the product of `rows` and `columns`, summed over `steps`, to `out`, or adds it if `add`.
    ///
    /// `rows` are `[steps][part][half][16][16]` words; the [`SIDE`] rows of `out` are `pitch` values apart. Panics where a slice is
    /// too short.
    pub(in super::super) fn multiply(
        &self,
        rows: &[f32],
        columns: Columns,
        steps: &Steps,
        add: bool,
        (out, pitch): (&mut [f32], usize),
    ) {
        let n_steps = steps.len();
        assert!(n_steps > 0 && rows.len() >= n_steps * STEP_WORDS, "rows");
        assert!(
            columns.words.len() >= steps.farthest.saturating_add(columns.reach()),
            "columns"
        );
        let n_out = pitch.saturating_mul(SIDE - 1).saturating_add(SIDE);
        assert!(pitch >= SIDE && out.len() >= n_out, "block");
        const WORD: usize = size_of::<f32>();
        // SAFETY: `Tiles` proves that the tiles are set up on this thread, and `IN_USE` that nothing took them away: compilers emit no tile instructions of their own, and a switch of
        // threads keeps the state. The lengths checked above cover every tile that is read or written: 16 rows of
        // 16 words, of `rows` 4 tiles a step; of `columns` 4 tiles from each step's place on; of `out` 4 tiles, two beside each other.
        unsafe {
            asm!(
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                "test {place}, {place}", // whether to add
                "jz 2f",
                "tileloadd tmm0, [{out} + {out_pitch}]",
                "tileloadd tmm1, [{out} + {out_pitch} + 64]",
                "tileloadd tmm2, [{below} + {out_pitch}]",
                "tileloadd tmm3, [{below} + {out_pitch} + 64]",
                "2:",
                "mov {place}, [{places}]",
                "lea {left}, [{columns} + 4 * {place}]",
                "lea {right}, [{left} + {half}]",
                // High parts times high parts,
                "tileloadd tmm4, [{rows} + {line}]",
                "tileloadd tmm6, [{left} + {pitch}]",
                "tileloadd tmm7, [{right} + {pitch}]",
                "tileloadd tmm5, [{rows} + {line} + 1024]",
                "add {left}, {low}",
                "add {right}, {low}",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                // low parts of the rows times high parts,
                "tileloadd tmm4, [{rows} + {line} + 2048]",
                "tileloadd tmm5, [{rows} + {line} + 3072]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                // high parts times low parts of the columns.
                "tileloadd tmm4, [{rows} + {line}]",
                "tileloadd tmm6, [{left} + {pitch}]",
                "tileloadd tmm7, [{right} + {pitch}]",
                "tileloadd tmm5, [{rows} + {line} + 1024]",
                "add {rows}, 4096",
                "add {places}, 8",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "dec {n_steps}",
                "jnz 2b",
                "tilestored [{out} + {out_pitch}], tmm0",
                "tilestored [{out} + {out_pitch} + 64], tmm1",
                "tilestored [{below} + {out_pitch}], tmm2",
                "tilestored [{below} + {out_pitch} + 64], tmm3",
                rows = inout(reg) rows.as_ptr() => _,
                places = inout(reg) steps.places.as_ptr() => _,
                n_steps = inout(reg) n_steps => _,
                columns = in(reg) columns.words.as_ptr(),
                half = in(reg) columns.half * WORD,
                low = in(reg) columns.low * WORD,
                pitch = in(reg) columns.pitch * WORD,
                out = in(reg) out.as_mut_ptr(),
                below = in(reg) out.as_mut_ptr().add(TILE * pitch),
                out_pitch = in(reg) pitch * WORD,
                line = in(reg) 64_usize,
                place = inout(reg) usize::from(add) => _,
                left = out(reg) _,
                right = out(reg) _,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        }
    }
}
