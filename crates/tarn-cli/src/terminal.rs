//! What a person sees: talk on stderr, colours only on a terminal.

use std::io::{IsTerminal, Write};

use anstream::AutoStream;

use crate::args::{ColorChoice, GlobalArguments};
use crate::outcome::{Mistakes, Refusal};
use tarn_model::Diagnostics;
use tarn_pipeline::error::StepError;

/// How something is to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Good,
    Bad,
    Dim,
    Strong,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Good => "\x1b[32m",
            Self::Bad => "\x1b[31m",
            Self::Dim => "\x1b[2m",
            Self::Strong => "\x1b[1m",
        }
    }
}

/// The terminal, or the pipe in place of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terminal {
    colour: bool,
    interactive: bool,
    quiet: bool,
    json: bool,
}

impl Terminal {
    pub(crate) fn new(global: &GlobalArguments) -> Self {
        let colour = match global.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => !matches!(AutoStream::choice(&std::io::stderr()), anstream::ColorChoice::Never),
        };
        Self { colour, interactive: std::io::stderr().is_terminal(), quiet: global.quiet, json: global.json }
    }

    /// Whether answers are for scripts.
    pub(crate) fn json(self) -> bool {
        self.json
    }

    /// Whether a progress bar would be seen.
    pub(crate) fn shows_progress(self) -> bool {
        self.interactive && !self.quiet && !self.json
    }

    /// The text in a style, where colours are wanted.
    pub(crate) fn paint(self, style: Style, text: &str) -> String {
        if self.colour { format!("{}{text}\x1b[0m", style.code()) } else { text.to_owned() }
    }

    /// A line of talk.
    pub(crate) fn say(self, line: &str) {
        if !self.quiet && !self.json {
            write_line(&mut std::io::stderr(), line);
        }
    }

    /// A line of data.
    pub(crate) fn print(self, line: &str) -> std::io::Result<()> {
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(line.as_bytes())?;
        stdout.write_all(b"\n")
    }

    /// Data as JSON.
    pub(crate) fn print_json(self, value: &impl serde::Serialize) -> anyhow::Result<()> {
        let json = serde_json::to_string_pretty(value)?;
        self.print(&json)?;
        Ok(())
    }

    /// What is wrong and what to do about it; said even when quiet.
    pub(crate) fn error(self, message: &str, hint: Option<&str>) {
        write_line(&mut std::io::stderr(), &format!("{} {message}", self.paint(Style::Bad, "error:")));
        if let Some(hint) = hint {
            write_line(&mut std::io::stderr(), &format!("{} {hint}", self.paint(Style::Strong, "hint:")));
        }
    }

    /// Mistakes in the lake's files, each with its place.
    pub(crate) fn mistakes(self, diagnostics: &Diagnostics) {
        write_line(&mut std::io::stderr(), diagnostics.render(self.colour).trim_end());
    }

    /// An error with all that is known about it.
    pub(crate) fn report(self, error: &anyhow::Error) {
        if is_closed_pipe(error) {
            return;
        }
        if let Some(Mistakes(diagnostics)) = error.downcast_ref::<Mistakes>() {
            if self.json {
                // Scripts read the mistakes on stdout like any other answer; a closed pipe is no second mistake.
                let _ = self.print_json(diagnostics);
            }
            self.mistakes(diagnostics);
        } else if let Some(refusal) = error.downcast_ref::<Refusal>() {
            self.error(&refusal.message, refusal.hint.as_deref());
        } else if let Some(step) = error.downcast_ref::<StepError>() {
            match &step.mistakes {
                Some(mistakes) => self.mistakes(mistakes),
                None => self.error(&step.message, step.hint.as_deref()),
            }
        } else {
            self.error(&format!("{error:#}"), None);
        }
    }
}

/// `tarn query … | head` closes the pipe early; that is no mistake.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Writes a line; there is nobody left to tell when stderr is closed.
fn write_line(stream: &mut impl Write, line: &str) {
    let _ = writeln!(stream, "{line}");
}

/// `1,234,567`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1.2 MB`, in powers of ten as disks are sold.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(crate) fn bytes(number: u64) -> String {
    let mut value = number as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 1000.0 {
            return if unit == "B" { format!("{number} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1000.0;
    }
    format!("{value:.1} TB")
}

/// `0.21s`, `2m 03s`.
#[expect(clippy::cast_precision_loss, reason = "hundredths are shown")]
pub(crate) fn duration(milliseconds: u64) -> String {
    if milliseconds < 60_000 {
        format!("{:.2}s", milliseconds as f64 / 1000.0)
    } else {
        format!("{}m {:02}s", milliseconds / 60_000, milliseconds / 1000 % 60)
    }
}

/// `1 row`, `2 rows`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", thousands(number), if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1_234_567), "1.2 MB");
        assert_eq!(duration(123_456), "2m 03s");
        assert_eq!(counted(1, "row"), "1 row");
    }
}
