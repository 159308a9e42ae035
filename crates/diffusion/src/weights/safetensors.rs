use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::DType;
use common::{Error, Result};
use serde::Deserialize;

use super::bytes::Bytes;
use super::{eight_bits, format};

/// Longest header that is read, in bytes; the reference implementation has the same bound.
const MAX_HEADER_LEN: u64 = 100_000_000;

/// A safetensors file: an 8-byte header length, a JSON header, then the tensors' bytes.
///
/// The header is read here rather than by the `safetensors` crate, so that every complaint names the tensor.
#[derive(Debug)]
pub struct SafetensorsFile {
    /// Where the file is, or its name inside the binary.
    pub path: PathBuf,
    bytes: Bytes,
    entries: BTreeMap<String, Entry>,
    metadata: BTreeMap<String, String>,
}

/// One tensor of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Element type as the file spells it, such as `F16`.
    pub dtype: String,
    /// Lengths of the axes, outermost first.
    pub shape: Vec<usize>,
    /// First byte in the file.
    begin: usize,
    /// Byte after the last in the file.
    end: usize,
}

#[derive(Deserialize)]
struct RawEntry {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

impl SafetensorsFile {
    /// Opens a file in a folder; its bytes are mapped, not read.
    ///
    /// # Errors
    /// [`Error::Io`] if it can't be opened, [`Error::Weights`] if it isn't a sound safetensors file.
    pub fn open(path: &Path) -> Result<Self> {
        Self::parse(path, Bytes::map(path)?)
    }

    /// Checks the header of `bytes`; `path` is their name in errors.
    ///
    /// # Errors
    /// [`Error::Weights`] for a header that is cut, too long, not JSON, or whose tensors overlap, leave gaps, run past the
    /// end or have another size than their shape says.
    pub fn parse(path: &Path, bytes: Bytes) -> Result<Self> {
        let header = read_header(path, &bytes, bytes.len() as u64);
        let (entries, metadata) =
            header.map_err(|error| format::known(path, &bytes).unwrap_or(error))?;
        Ok(Self {
            path: path.to_owned(),
            bytes,
            entries,
            metadata,
        })
    }

    /// A file of `len` bytes of which only the `start` is at hand: tensors can be looked up, not read.
    ///
    /// # Errors
    /// As [`SafetensorsFile::parse`].
    pub fn headers_only(path: &Path, start: &[u8], len: u64) -> Result<Self> {
        let (entries, metadata) = read_header(path, start, len)?;
        Ok(Self {
            path: path.to_owned(),
            bytes: Bytes::Static(&[]),
            entries,
            metadata,
        })
    }

    /// Length of what must be at hand for [`SafetensorsFile::headers_only`], from the first 8 bytes of a file of `len` bytes.
    ///
    /// # Errors
    /// [`Error::Weights`] for a length that no header has.
    pub fn header_end(path: &Path, start: &[u8], len: u64) -> Result<u64> {
        let Some(length_field) = start.first_chunk::<8>() else {
            return Err(broken(
                path,
                &format!("is not a safetensors file: only {len} bytes long"),
            ));
        };
        let header_len = u64::from_le_bytes(*length_field);
        if header_len > MAX_HEADER_LEN || header_len + 8 > len {
            return Err(broken(
                path,
                &format!(
                    "is not a safetensors file or is cut off: the header should have {header_len} bytes, the file has {len}"
                ),
            ));
        }
        Ok(8 + header_len)
    }

    /// The tensors by name.
    pub fn entries(&self) -> &BTreeMap<String, Entry> {
        &self.entries
    }

    /// The header's free-form strings.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// The whole file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The first element of an integer tensor, if it is one.
    pub fn read_integer(&self, name: &str) -> Option<i64> {
        let entry = self.entries.get(name)?;
        let bytes = self.bytes.get(entry.begin..entry.end)?;
        match entry.dtype.as_str() {
            "I64" => bytes.first_chunk().map(|bytes| i64::from_le_bytes(*bytes)),
            "I32" => bytes
                .first_chunk()
                .map(|bytes| i32::from_le_bytes(*bytes).into()),
            "I16" => bytes
                .first_chunk()
                .map(|bytes| i16::from_le_bytes(*bytes).into()),
            "I8" => bytes
                .first_chunk()
                .map(|bytes| i8::from_le_bytes(*bytes).into()),
            "U8" => bytes.first().map(|byte| i64::from(*byte)),
            _ => None,
        }
    }

    /// The number that a tensor of one element holds.
    ///
    /// # Errors
    /// [`Error::Weights`] for a missing tensor, or one that holds no finite number.
    pub fn read_number(&self, name: &str) -> Result<f64> {
        if let Some(integer) = self.read_integer(name) {
            return Ok(integer as f64);
        }
        let first = self.read_f32(name)?.first().copied();
        first.map(f64::from).ok_or_else(|| {
            let reason = format!("tensor `{name}` is empty, where a number is expected");
            Error::weights(&self.path, reason)
        })
    }

    /// A tensor's elements as f32 in row-major order.
    ///
    /// # Errors
    /// [`Error::Weights`] for a missing tensor, an element type that isn't a floating-point one, NaN or infinity.
    pub fn read_f32(&self, name: &str) -> Result<Vec<f32>> {
        let fail = |reason: String| Error::weights(&self.path, format!("tensor `{name}` {reason}"));
        let entry = self
            .entries
            .get(name)
            .ok_or_else(|| fail("is missing".to_owned()))?;
        let data = self.bytes.get(entry.begin..entry.end).unwrap_or_default();
        let values: Vec<f32> = match entry.dtype.as_str() {
            "F32" => chunks(data).map(f32::from_le_bytes).collect(),
            "F16" => chunks(data)
                .map(|b| half::f16::from_le_bytes(b).to_f32())
                .collect(),
            "BF16" => chunks(data)
                .map(|b| half::bf16::from_le_bytes(b).to_f32())
                .collect(),
            "F64" => chunks(data).map(|b| f64::from_le_bytes(b) as f32).collect(),
            "F8_E4M3" => data
                .iter()
                .map(|byte| eight_bits::e4m3_to_f32(*byte))
                .collect(),
            "F8_E5M2" => data
                .iter()
                .map(|byte| eight_bits::e5m2_to_f32(*byte))
                .collect(),
            other => {
                return Err(fail(format!(
                    "has element type {other}; F8, F16, BF16 and F32 can be used"
                )));
            }
        };
        self.bytes.release(entry.begin..entry.end);
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(values),
            Some(index) => Err(fail(format!(
                "has the value {} at element {index}; weights must be finite",
                values.get(index).copied().unwrap_or(f32::NAN)
            ))),
        }
    }
}

type Header = (BTreeMap<String, Entry>, BTreeMap<String, String>);

/// Tensors and free-form strings of a file of `len` bytes that begins with `start`.
fn read_header(path: &Path, start: &[u8], len: u64) -> Result<Header> {
    let broken = |reason: String| broken(path, &reason);
    let data_begin = SafetensorsFile::header_end(path, start, len)? as usize;
    let text = start
        .get(8..data_begin)
        .ok_or_else(|| broken("its header is cut off".to_owned()))?;
    let header: BTreeMap<String, serde_json::Value> = serde_json::from_slice(text)
        .map_err(|error| broken(format!("the header is not valid JSON: {error}")))?;
    let mut entries = BTreeMap::new();
    let mut metadata = BTreeMap::new();
    for (name, value) in header {
        if name == "__metadata__" {
            metadata = texts_of(value)
                .ok_or_else(|| broken("the header's __metadata__ is no JSON object".to_owned()))?;
            continue;
        }
        let raw: RawEntry = serde_json::from_value(value).map_err(|error| {
            broken(format!(
                "the header's entry of tensor `{name}` is wrong: {error}"
            ))
        })?;
        let entry = raw
            .checked(len - data_begin as u64, data_begin)
            .map_err(|reason| broken(format!("tensor `{name}` {reason}")))?;
        entries.insert(name, entry);
    }
    check_layout(&entries, data_begin, len).map_err(broken)?;
    Ok((entries, metadata))
}

/// The free-form strings of a header. The format asks for strings; some tools write `null`, numbers or whole objects, which are
/// kept as their JSON text.
fn texts_of(value: serde_json::Value) -> Option<BTreeMap<String, String>> {
    match value {
        serde_json::Value::Null => Some(BTreeMap::new()),
        serde_json::Value::Object(values) => {
            let texts = values.into_iter().map(|(key, value)| match value {
                serde_json::Value::String(text) => (key, text),
                other => (key, other.to_string()),
            });
            Some(texts.collect())
        }
        _ => None,
    }
}

fn broken(path: &Path, reason: &str) -> Error {
    let hint = match crate::source::is_safetensors_name(path) {
        true => "download or copy the file again",
        false => "models are .safetensors files, or folders in diffusers layout",
    };
    Error::weights(path, reason).with_hint(hint)
}

impl RawEntry {
    /// The entry with offsets counted from the file's start.
    fn checked(self, data_len: u64, data_begin: usize) -> Result<Entry, String> {
        let [begin, end] = self.data_offsets;
        if begin > end || end > data_len {
            return Err(format!(
                "lies at bytes {begin}..{end} of {data_len}: the file is cut off or its header is wrong"
            ));
        }
        let n_bytes = end - begin;
        // Lengths of some of the axes are multiplied elsewhere, so that an axis of length 0 doesn't excuse the others.
        let product = self
            .shape
            .iter()
            .try_fold(1u64, |product, &side| product.checked_mul(side.max(1)));
        let n_elements = match self.shape.contains(&0) {
            true => product.map(|_| 0),
            false => product,
        };
        let fits = n_elements.is_some_and(|n| match element_len(&self.dtype) {
            Some(len) => n.checked_mul(len) == Some(n_bytes),
            // No type has elements below one bit.
            None => n.div_ceil(8) <= n_bytes,
        });
        if !fits {
            return Err(format!(
                "of shape {:?} and type {} can't have {n_bytes} bytes",
                self.shape, self.dtype,
            ));
        }
        // Every length is at most the file's by now, so it fits.
        Ok(Entry {
            dtype: self.dtype,
            shape: self.shape.iter().map(|&side| side as usize).collect(),
            begin: data_begin + begin as usize,
            end: data_begin + end as usize,
        })
    }
}

/// The format allows neither gaps nor overlaps nor bytes after the last tensor.
fn check_layout(
    entries: &BTreeMap<String, Entry>,
    data_begin: usize,
    len: u64,
) -> Result<(), String> {
    let mut in_order: Vec<(&String, &Entry)> = entries.iter().collect();
    in_order.sort_by_key(|(_, entry)| (entry.begin, entry.end));
    let mut position = data_begin;
    for (name, entry) in in_order {
        if entry.begin != position {
            return Err(format!(
                "tensor `{name}` begins at byte {} where byte {position} was expected: tensors overlap or leave a gap",
                entry.begin
            ));
        }
        position = entry.end;
    }
    if position as u64 == len {
        Ok(())
    } else {
        Err(format!(
            "the tensors end at byte {position}, the file at byte {len}"
        ))
    }
}

/// Bytes of an element; `None` for a type that this program can't use.
fn element_len(dtype: &str) -> Option<u64> {
    match dtype {
        "F64" | "I64" | "U64" => Some(8),
        "F32" | "I32" | "U32" => Some(4),
        "F16" | "BF16" | "I16" | "U16" => Some(2),
        "I8" | "U8" | "BOOL" | "F8_E4M3" | "F8_E5M2" => Some(1),
        _ => None,
    }
}

fn chunks<const N: usize>(data: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
    data.as_chunks::<N>().0.iter().copied()
}

impl Entry {
    /// Number of elements.
    pub fn n_elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Bytes that it takes in the file.
    pub fn n_bytes(&self) -> u64 {
        (self.end - self.begin) as u64
    }

    /// The element type that holds every value of the file's, where networks can use it.
    pub fn float_dtype(&self) -> Option<DType> {
        match self.dtype.as_str() {
            "F16" => Some(DType::F16),
            "BF16" => Some(DType::BF16),
            "F32" => Some(DType::F32),
            "F64" => Some(DType::F64),
            "F8_E4M3" | "F8_E5M2" => Some(DType::F16), // widened where they are read
            _ => None,
        }
    }
}
