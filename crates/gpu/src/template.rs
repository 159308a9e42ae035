//! Shaders are WGSL with a few directives, which are worked off before the driver sees them: a kernel for every choice of
//! element type, tile and fused steps, from one file.
//!
//! | directive | what becomes of it |
//! |---|---|
//! | `#for i in N` .. `#end` | the lines between, N times; `{i}` counts from 0 |
//! | `#if NAME` .. `#else` .. `#end` | the lines that apply |
//! | `{EXPRESSION}` | its value: names, whole numbers, `* / % + -` without precedence, from left to right |
//! | `{.EXPRESSION}` | the component of a vector that it numbers: `x`, `y`, `z` or `w` |
//! | `{binding}` | the next binding of group 0 |
//!
//! Loops are written out, since not every driver unrolls them and keeps what they index in registers.

use std::collections::BTreeMap;
use std::fmt;

/// Names of a shader's variant: numbers, and choices as 0 or 1. A name that is missing in an `#if` counts as 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Names(BTreeMap<&'static str, u32>);

impl Names {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// With a number more.
    #[must_use]
    pub fn number(mut self, name: &'static str, value: u32) -> Self {
        self.0.insert(name, value);
        self
    }

    /// With a choice more.
    #[must_use]
    pub fn choice(self, name: &'static str, value: bool) -> Self {
        self.number(name, u32::from(value))
    }
}

/// The names that are above 0: choices alone, numbers with their value.
impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut blank = "";
        for (name, value) in self.0.iter().filter(|(_, value)| **value > 0) {
            match value {
                1 => write!(f, "{blank}{name}")?,
                value => write!(f, "{blank}{name}={value}")?,
            }
            blank = " ";
        }
        Ok(())
    }
}

/// The shader that `template` describes for `names`, or what is wrong with it, which is a bug of ours.
pub fn expand(template: &str, names: &Names) -> Result<String, String> {
    let lines: Vec<&str> = template.lines().collect();
    let mut state = Expansion {
        out: String::with_capacity(4 * template.len()),
        names: names.0.iter().map(|(k, v)| ((*k).to_owned(), *v)).collect(),
        n_bindings: 0,
    };
    state.block(&lines)?;
    Ok(state.out)
}

struct Expansion {
    out: String,
    names: BTreeMap<String, u32>,
    n_bindings: u32,
}

impl Expansion {
    fn block(&mut self, lines: &[&str]) -> Result<(), String> {
        let mut at = 0;
        while let Some(line) = lines.get(at) {
            let directive = line.trim();
            let Some(directive) = directive.strip_prefix('#') else {
                self.line(line)?;
                at += 1;
                continue;
            };
            let (middle, end) = block_end(lines, at)?;
            let inner = |from: usize, to: usize| lines.get(from..to).unwrap_or_default();
            if let Some(condition) = directive.strip_prefix("if ") {
                let holds = self.names.get(condition.trim()).copied().unwrap_or(0) != 0;
                let (from, to) = match (holds, middle) {
                    (true, middle) => (at + 1, middle.unwrap_or(end)),
                    (false, Some(middle)) => (middle + 1, end),
                    (false, None) => (end, end),
                };
                self.block(inner(from, to))?;
            } else if let Some((name, count)) = directive
                .strip_prefix("for ")
                .and_then(|rest| rest.split_once(" in "))
            {
                let name = name.trim();
                for value in 0..self.value(count)? {
                    self.names.insert(name.to_owned(), value);
                    self.block(inner(at + 1, end))?;
                }
                self.names.remove(name);
            } else {
                return Err(format!("unknown directive: {line}"));
            }
            at = end + 1;
        }
        Ok(())
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        // Braces of WGSL are followed by a blank or the line's end; those of expressions are not.
        let mut rest = line;
        while let Some(begin) = rest.find('{') {
            let (before, after) = rest.split_at(begin);
            let after = after.get(1..).unwrap_or_default();
            self.out.push_str(before);
            let starts = after
                .starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '('));
            match (starts, after.split_once('}')) {
                (true, Some((expression, after))) => {
                    self.expression(expression)?;
                    rest = after;
                }
                _ => {
                    self.out.push('{');
                    rest = after;
                }
            }
        }
        self.out.push_str(rest);
        self.out.push('\n');
        Ok(())
    }

    fn expression(&mut self, expression: &str) -> Result<(), String> {
        if expression == "binding" {
            self.out.push_str(&self.n_bindings.to_string());
            self.n_bindings += 1;
        } else if let Some(component) = expression.strip_prefix('.') {
            let at = self.value(component)? as usize;
            let name = "xyzw".get(at..=at).ok_or("no such component")?;
            self.out.push_str(name);
        } else {
            let value = self.value(expression)?;
            self.out.push_str(&value.to_string());
        }
        Ok(())
    }

    /// Left to right, without precedence.
    fn value(&self, expression: &str) -> Result<u32, String> {
        let spaced = ["*", "/", "%", "+", "-"]
            .iter()
            .fold(expression.to_owned(), |text, sign| {
                text.replace(sign, &format!(" {sign} "))
            });
        let wrong = || format!("can't evaluate {expression}");
        let mut words = spaced.split_whitespace();
        let mut total = self.operand(words.next().ok_or_else(wrong)?)?;
        while let Some(sign) = words.next() {
            let operand = self.operand(words.next().ok_or_else(wrong)?)?;
            total = match sign {
                "*" => total.checked_mul(operand),
                "/" => total.checked_div(operand),
                "%" => total.checked_rem(operand),
                "+" => total.checked_add(operand),
                "-" => total.checked_sub(operand),
                _ => None,
            }
            .ok_or_else(wrong)?;
        }
        Ok(total)
    }

    fn operand(&self, word: &str) -> Result<u32, String> {
        if let Ok(number) = word.parse() {
            return Ok(number);
        }
        let known = self.names.get(word).copied();
        known.ok_or_else(|| format!("nothing is called {word}"))
    }
}

/// The lines of the `#else`, if there is one, and of the `#end` of the block that begins at `begin`.
fn block_end(lines: &[&str], begin: usize) -> Result<(Option<usize>, usize), String> {
    let mut depth = 0;
    let mut middle = None;
    for (at, line) in lines.iter().enumerate().skip(begin) {
        let line = line.trim();
        if line.starts_with("#for ") || line.starts_with("#if ") {
            depth += 1;
        } else if line == "#else" && depth == 1 {
            middle = Some(at);
        } else if line == "#end" {
            depth -= 1;
            if depth == 0 {
                return Ok((middle, at));
            }
        }
    }
    Err(format!(
        "a block has no end: {}",
        lines.get(begin).copied().unwrap_or_default()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names::new().number("N", 2).choice("YES", true)
    }

    #[test]
    fn directives_are_worked_off() {
        let template = "\
@binding({binding}) a {
#for i in N
x{i} = v{i*4+1}.{.i+1};
#if YES
  one {binding}
#else
  other
#end
#end
}
#if NO
gone
#else
kept {N}
#end";
        let expected = "\
@binding(0) a {
x0 = v1.y;
  one 1
x1 = v5.z;
  one 2
}
kept 2
";
        assert_eq!(expand(template, &names()).unwrap(), expected);
    }

    #[test]
    fn variants_are_told_apart_by_name() {
        let names = names().choice("NO", false);
        assert_eq!(names.to_string(), "N=2 YES");
    }

    #[test]
    fn mistakes_are_told() {
        for wrong in [
            "#for i in N",
            "#what",
            "{M}",
            "{N/0}",
            "{N+}",
            "{.4}",
            "#end",
        ] {
            assert!(expand(wrong, &names()).is_err(), "{wrong}");
        }
    }
}
