//! Values over a song's time. Those of a long song lie in a temporary file: memory doesn't grow with them.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

use common::Result;
use serde::de::{self, SeqAccess};
use serde::ser::{Error as _, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::hops::HOPS_PER_SEC;
use super::rows::{N_AHEAD, Rows};

/// What a [`Series`] has at each time: a number, or some.
pub trait Value: Copy + PartialEq {
    /// Its length in bytes.
    #[doc(hidden)]
    const N_BYTES: usize;
    /// Hands its bytes to `take`.
    #[doc(hidden)]
    fn with_bytes(self, take: impl FnOnce(&[u8]));
    /// From its bytes.
    #[doc(hidden)]
    fn of_bytes(bytes: &[u8]) -> Self;
}

impl<const N: usize> Value for [f32; N] {
    const N_BYTES: usize = N * size_of::<f32>();

    fn with_bytes(self, take: impl FnOnce(&[u8])) {
        take(self.map(f32::to_le_bytes).as_flattened());
    }

    fn of_bytes(bytes: &[u8]) -> Self {
        let mut values = [0.0; N];
        for (value, bytes) in values.iter_mut().zip(bytes.as_chunks().0) {
            *value = f32::from_le_bytes(*bytes);
        }
        values
    }
}

impl Value for f32 {
    const N_BYTES: usize = size_of::<f32>();

    fn with_bytes(self, take: impl FnOnce(&[u8])) {
        [self].with_bytes(take);
    }

    fn of_bytes(bytes: &[u8]) -> Self {
        let [value] = Value::of_bytes(bytes);
        value
    }
}

impl Value for f64 {
    const N_BYTES: usize = size_of::<f64>();

    fn with_bytes(self, take: impl FnOnce(&[u8])) {
        take(&self.to_le_bytes());
    }

    fn of_bytes(bytes: &[u8]) -> Self {
        bytes.first_chunk().copied().map_or(0.0, f64::from_le_bytes)
    }
}

/// A value at each step of a song's time, in order. Of a song that lasts longer than five minutes they lie in a temporary file,
/// which is gone with the last copy of this; where there is no room for one they stay in memory. As JSON a list.
///
/// Copies share their values.
#[derive(Clone)]
pub struct Series<T> {
    rows: Arc<Rows>,
    value: PhantomData<T>,
}

impl<T: Value> Series<T> {
    /// Number of values.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Some of the values, as far as there are any.
    ///
    /// # Errors
    /// [`Error::Io`](common::Error::Io) where the temporary file can't be read.
    pub fn read(&self, range: Range<usize>) -> Result<Vec<T>> {
        let bytes = self.rows.read(range)?;
        Ok(bytes.chunks_exact(T::N_BYTES).map(T::of_bytes).collect())
    }

    /// All of the values.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn to_vec(&self) -> Result<Vec<T>> {
        self.read(0..self.len())
    }

    /// The values in their order.
    ///
    /// # Errors
    /// Each as [`read`](Self::read).
    pub fn iter(&self) -> impl Iterator<Item = Result<T>> {
        self.over(0..self.len())
    }

    /// Some of the values, as far as there are any, each as [`iter`](Self::iter) has it; few of them are in memory at once.
    pub(super) fn over(&self, range: Range<usize>) -> impl Iterator<Item = Result<T>> {
        let end = range.end.min(self.len());
        (range.start..end).step_by(N_AHEAD).flat_map(move |start| {
            let read = self.read(start..end.min(start + N_AHEAD));
            let (values, error) = read.map_or_else(|e| (Vec::new(), Some(e)), |v| (v, None));
            values.into_iter().map(Ok).chain(error.map(Err))
        })
    }

    /// Values of a song's hops, one after the other.
    ///
    /// # Errors
    /// The first of the values.
    pub fn of_hops(values: impl Iterator<Item = Result<T>>) -> Result<Self> {
        let mut writer = SeriesWriter::new(HOPS_PER_SEC);
        for value in values {
            writer.push(value?);
        }
        Ok(writer.finish())
    }

    /// What becomes of each value, one after the other.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn map<U: Value>(&self, mut of: impl FnMut(T) -> U) -> Result<Series<U>> {
        let mut writer = SeriesWriter::new(self.rows.rows_per_sec());
        for value in self.iter() {
            writer.push(of(value?));
        }
        Ok(writer.finish())
    }

    /// Reads ranges in about their order.
    pub fn reader(&self) -> SeriesReader<'_, T> {
        SeriesReader {
            series: self,
            held: 0..0,
            values: Vec::new(),
        }
    }
}

impl Series<f32> {
    /// The sum, added up in order.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(super) fn sum(&self) -> Result<f32> {
        self.iter().sum()
    }
}

impl<T: Value> Default for Series<T> {
    fn default() -> Self {
        Self::from_iter([])
    }
}

impl<T: Value> FromIterator<T> for Series<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut writer = SeriesWriter::new(HOPS_PER_SEC);
        values.into_iter().for_each(|value| writer.push(value));
        writer.finish()
    }
}

impl<T: Value> From<Vec<T>> for Series<T> {
    fn from(values: Vec<T>) -> Self {
        values.into_iter().collect()
    }
}

impl<T: Value> fmt::Debug for Series<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} values", self.len())
    }
}

/// Values that can't be read equal none.
impl<T: Value> PartialEq for Series<T> {
    fn eq(&self, other: &Self) -> bool {
        let mut pairs = self.iter().zip(other.iter());
        self.len() == other.len()
            && pairs.all(|pair| matches!(pair, (Ok(own), Ok(other)) if own == other))
    }
}

impl<T: Value + Serialize> Serialize for Series<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.len()))?;
        for value in self.iter() {
            list.serialize_element(&value.map_err(S::Error::custom)?)?;
        }
        list.end()
    }
}

impl<'de, T: Value + Deserialize<'de>> Deserialize<'de> for Series<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(PhantomData<T>);

        impl<'de, T: Value + Deserialize<'de>> de::Visitor<'de> for Visitor<T> {
            type Value = Series<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of values")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Series<T>, A::Error> {
                let mut writer = SeriesWriter::new(HOPS_PER_SEC);
                while let Some(value) = list.next_element()? {
                    writer.push(value);
                }
                Ok(writer.finish())
            }
        }

        deserializer.deserialize_seq(Visitor(PhantomData))
    }
}

/// Reads a [`Series`], and holds the values around the last ones that it was asked for.
pub struct SeriesReader<'a, T> {
    series: &'a Series<T>,
    held: Range<usize>,
    values: Vec<T>,
}

impl<T: Value> SeriesReader<'_, T> {
    /// Some of the values, as far as there are any.
    ///
    /// # Errors
    /// As [`Series::read`].
    pub fn read(&mut self, range: Range<usize>) -> Result<&[T]> {
        let end = range.end.min(self.series.len());
        let start = range.start.min(end);
        if start < self.held.start || end > self.held.end {
            let held = start..(end + N_AHEAD).min(self.series.len());
            self.values = self.series.read(held.clone())?;
            self.held = held;
        }
        let place = start - self.held.start..end - self.held.start;
        Ok(self.values.get(place).unwrap_or_default())
    }
}

/// A [`Series`] that is being written.
pub(super) struct SeriesWriter<T> {
    rows: Rows,
    value: PhantomData<T>,
}

impl<T: Value> SeriesWriter<T> {
    /// For values of which a second of the song has `n_per_sec`.
    pub fn new(n_per_sec: usize) -> Self {
        Self {
            rows: Rows::new(T::N_BYTES, n_per_sec),
            value: PhantomData,
        }
    }

    /// Adds a value.
    pub fn push(&mut self, value: T) {
        value.with_bytes(|bytes| self.rows.push(bytes));
    }

    /// Number of values so far.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// All that was written.
    pub fn finish(self) -> Series<T> {
        Series {
            rows: Arc::new(self.rows),
            value: PhantomData,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As many values as make a song of 20 minutes.
    fn long() -> (Vec<[f32; 2]>, Series<[f32; 2]>) {
        let value = |i: u32| [i as f32 * 0.1, -1.0 / i as f32];
        let values: Vec<_> = (0..120_000).map(value).collect();
        (values.clone(), values.into())
    }

    #[test]
    fn values_of_a_long_song_stay_what_they_are() {
        let (values, series) = long();
        assert_eq!(series.to_vec().unwrap(), values);
        let one_by_one: Vec<_> = series.iter().map(Result::unwrap).collect();
        assert_eq!(one_by_one, values);
        assert_eq!(series.read(119_999..200_000).unwrap(), values[119_999..]);
        assert_eq!(series, values.into());
    }

    #[test]
    fn a_reader_goes_forth_and_back() {
        let (values, series) = long();
        let mut reader = series.reader();
        for range in [0..0, 5..3000, 2990..5020, 119_990..130_000, 17..18] {
            let there = range.start..range.end.min(values.len());
            assert_eq!(reader.read(range).unwrap(), &values[there]);
        }
        assert!(reader.read(200_000..200_001).unwrap().is_empty());
    }

    #[test]
    fn series_differ_by_a_value_or_a_length() {
        let series = |values: &[f32]| Series::from(values.to_vec());
        assert_eq!(series(&[1.0, 2.0]), series(&[1.0, 2.0]));
        assert_ne!(series(&[1.0, 2.0]), series(&[1.0, 3.0]));
        assert_ne!(series(&[1.0, 2.0]), series(&[1.0]));
        assert_ne!(series(&[f32::NAN]), series(&[f32::NAN]));
    }

    #[test]
    fn json_is_a_list() {
        let series = Series::from(vec![[0.5, 1.0], [0.25, -3.0]]);
        let json = serde_json::to_string(&series).unwrap();
        assert_eq!(json, "[[0.5,1.0],[0.25,-3.0]]");
        let back: Series<[f32; 2]> = serde_json::from_str(&json).unwrap();
        assert_eq!(back, series);
        assert!(serde_json::from_str::<Series<f32>>("[1, \"a\"]").is_err());
    }
}
