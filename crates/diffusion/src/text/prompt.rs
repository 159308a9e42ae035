//! Prompt syntax: weights of words, and prompts longer than the text model reads.
//!
//! `(words)` weighs 1.1, `[words]` 1 / 1.1, `(words:1.3)` 1.3; nesting multiplies; an unclosed bracket acts to the end;
//! `\(`, `\)`, `\[`, `\]` and `\\` stand for the character. `BREAK` begins a new chunk. These are the rules that users of
//! Stable Diffusion web UIs know.

/// Factor of a pair of round brackets.
const EMPHASIS: f64 = 1.1;

/// Most tokens between a chunk's end and the comma after which it is broken instead.
pub const COMMA_BACKTRACK: usize = 20;

/// A piece of a prompt.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// Text, and the weight of its tokens.
    Text(String, f64),
    /// A new chunk begins.
    Break,
}

/// Cuts a prompt into pieces of equal weight.
pub fn parse(prompt: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut round = Vec::new(); // indices of the first piece inside each open bracket
    let mut square = Vec::new();
    let mut rest = prompt;
    while let Some(first) = rest.chars().next() {
        let mut taken = first.len_utf8();
        match first {
            '\\' => {
                let escaped = rest.chars().nth(1).filter(|c| "()[]\\".contains(*c));
                let text = escaped.unwrap_or('\\');
                taken += usize::from(escaped.is_some());
                pieces.push(Piece::Text(text.to_string(), 1.0));
            }
            '(' => round.push(pieces.len()),
            '[' => square.push(pieces.len()),
            ')' if !round.is_empty() => multiply(&mut pieces, round.pop(), EMPHASIS),
            ']' if !square.is_empty() => multiply(&mut pieces, square.pop(), 1.0 / EMPHASIS),
            ':' if !round.is_empty() => match explicit_weight(rest) {
                Some((weight, len)) => {
                    multiply(&mut pieces, round.pop(), weight);
                    taken = len;
                }
                None => pieces.push(Piece::Text(":".to_owned(), 1.0)),
            },
            _ if first == ')' || first == ']' || first == ':' => {
                pieces.push(Piece::Text(first.to_string(), 1.0));
            }
            _ => {
                taken = rest
                    .find(['\\', '(', ')', '[', ']', ':'])
                    .unwrap_or(rest.len());
                push_text(&mut pieces, rest.get(..taken).unwrap_or_default());
            }
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
    for begin in round {
        multiply(&mut pieces, Some(begin), EMPHASIS);
    }
    for begin in square {
        multiply(&mut pieces, Some(begin), 1.0 / EMPHASIS);
    }
    joined(pieces)
}

/// Text without brackets, cut at the word `BREAK` and the blanks around it.
fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    let mut rest = text;
    while let Some((before, after)) = split_at_break(rest) {
        pieces.push(Piece::Text(before.to_owned(), 1.0));
        pieces.push(Piece::Break);
        rest = after;
    }
    pieces.push(Piece::Text(rest.to_owned(), 1.0));
}

fn split_at_break(text: &str) -> Option<(&str, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices("BREAK").find_map(|(at, word)| {
        let (before, after) = (text.get(..at)?, text.get(at + word.len()..)?);
        let stands_alone = !before.ends_with(is_word) && !after.starts_with(is_word);
        stands_alone.then(|| (before.trim_end(), after.trim_start()))
    })
}

/// The weight and length of `: 1.3 )`, which ends a bracket.
fn explicit_weight(text: &str) -> Option<(f64, usize)> {
    let end = text.find(')')?;
    let number = text.get(1..end)?.trim();
    let is_plain = !number.is_empty()
        && number
            .chars()
            .all(|c| c.is_ascii_digit() || "+-.".contains(c));
    let weight = number.parse::<f64>().ok().filter(|_| is_plain)?;
    Some((weight, end + 1))
}

fn multiply(pieces: &mut [Piece], begin: Option<usize>, factor: f64) {
    let inside = begin.and_then(|begin| pieces.get_mut(begin..));
    for piece in inside.into_iter().flatten() {
        if let Piece::Text(_, weight) = piece {
            *weight *= factor;
        }
    }
}

/// Neighbours of equal weight as one piece.
fn joined(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut joined: Vec<Piece> = Vec::new();
    for piece in pieces {
        match (joined.last_mut(), &piece) {
            (Some(Piece::Text(text, weight)), Piece::Text(more, other))
                if weight.to_bits() == other.to_bits() =>
            {
                text.push_str(more);
            }
            _ => joined.push(piece),
        }
    }
    if joined.is_empty() {
        joined.push(Piece::Text(String::new(), 1.0));
    }
    joined
}

/// Token ids and weights of the part of a prompt that the text model reads at once: begin, `len - 2` tokens, end.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk {
    /// Token ids.
    pub ids: Vec<u32>,
    /// Weight of each token; 1 for begin, end and filling.
    pub weights: Vec<f32>,
}

/// The special tokens and the length that chunks have.
#[derive(Clone, Copy, Debug)]
pub struct ChunkFormat {
    /// Begins a chunk.
    pub bos: u32,
    /// Ends a chunk, and fills it up.
    pub eos: u32,
    /// Replaces what comes after the first end.
    pub pad: u32,
    /// Tokens of a chunk, begin and end included.
    pub len: usize,
    /// Most tokens between a full chunk's end and the comma after which it is broken instead; 0 = never.
    pub comma_backtrack: usize,
}

impl ChunkFormat {
    /// Cuts weighted tokens into chunks. `pieces` holds the tokens of each piece; `None` is a break. `n_of_word` gives the tokens
    /// of the word that begins with an id, which stay together. There is at least one chunk.
    pub fn chunks(
        &self,
        pieces: &[Option<(Vec<u32>, f64)>],
        is_comma: impl Fn(u32) -> bool,
        n_of_word: impl Fn(u32) -> usize,
    ) -> Vec<Chunk> {
        let room = self.len.saturating_sub(2).max(1);
        let mut done: Vec<Vec<(u32, f32)>> = Vec::new();
        let mut current: Vec<(u32, f32)> = Vec::new();
        let mut last_comma: Option<usize> = None; // tokens of `current` up to and with its last comma
        for piece in pieces {
            let Some((ids, weight)) = piece else {
                done.push(std::mem::take(&mut current));
                last_comma = None;
                continue;
            };
            for &id in ids {
                if is_comma(id) {
                    last_comma = Some(current.len());
                } else if current.len() == room
                    && let Some(comma) = last_comma
                    && self.comma_backtrack > 0
                    && current.len() - comma <= self.comma_backtrack
                {
                    let carried = current.split_off(comma + 1);
                    done.push(std::mem::replace(&mut current, carried));
                    last_comma = None;
                }
                if current.len() + n_of_word(id).clamp(1, room) > room {
                    done.push(std::mem::take(&mut current));
                    last_comma = None;
                }
                current.push((id, *weight as f32));
            }
        }
        if !current.is_empty() || done.is_empty() {
            done.push(current);
        }
        done.iter().map(|tokens| self.framed(tokens)).collect()
    }

    fn framed(&self, tokens: &[(u32, f32)]) -> Chunk {
        let mut ids = vec![self.bos];
        ids.extend(tokens.iter().map(|(id, _)| *id));
        ids.push(self.eos);
        ids.resize(self.len, self.pad);
        let mut weights = vec![1.0];
        weights.extend(tokens.iter().map(|(_, weight)| *weight));
        weights.resize(self.len, 1.0);
        Chunk { ids, weights }
    }
}
