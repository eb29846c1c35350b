//! The `.hea` file: one record line, then one line for each signal.

/// Hz, where the record line gives none.
const DEFAULT_RATE: f64 = 250.0;

/// ADC units per physical unit, where the signal line gives none or 0.
const DEFAULT_GAIN: f64 = 200.0;

/// What a header says.
#[derive(Debug, PartialEq)]
pub(super) struct Header {
    /// Hz.
    pub sampling_rate: f64,
    /// Samples of each signal, where given.
    pub samples: Option<usize>,
    pub signals: Vec<SignalLine>,
}

impl Header {
    /// Whether every checksum is 0, which stands for one that nobody computed: by header(5) it may where the number of
    /// samples is not given, and some writers leave it everywhere. One that is 0 among others is a checksum.
    pub fn has_no_checksums(&self) -> bool {
        self.signals.iter().all(|signal| signal.checksum == Some(0))
    }
}

/// What a header says of one signal.
#[derive(Debug, PartialEq)]
pub(super) struct SignalLine {
    /// The signal file, beside the header.
    pub file: String,
    pub format: Format,
    /// Where in the file samples begin, bytes.
    pub offset: usize,
    /// ADC units per physical unit.
    pub gain: f64,
    /// The sample value of 0 physical units.
    pub baseline: i32,
    /// The physical unit as written; `mV` where not given.
    pub unit: String,
    /// The first sample, where given.
    pub initial: Option<i32>,
    /// 16-bit sum of all samples, where given.
    pub checksum: Option<i32>,
    /// What the signal is called, usually its lead.
    pub name: String,
}

/// How samples lie in a signal file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// 16-bit two's complement, least significant byte first.
    Int16,
    /// Pairs of 12-bit two's complement samples in three bytes.
    Packed212,
}

impl Format {
    /// Bytes of `samples` samples; `None` where there is no such number.
    pub fn bytes(self, samples: usize) -> Option<usize> {
        match self {
            Format::Int16 => samples.checked_mul(2),
            Format::Packed212 => samples.checked_mul(3).map(|half_bytes| half_bytes.div_ceil(2)),
        }
    }

    /// The value that marks a missing sample.
    pub fn missing(self) -> i16 {
        match self {
            Format::Int16 => i16::MIN,
            Format::Packed212 => -2048,
        }
    }
}

/// Reads a header's text.
///
/// # Errors
/// A sentence that starts with the line.
pub(super) fn parse(text: &str) -> Result<Header, String> {
    let mut lines = text
        .lines()
        .enumerate()
        .map(|(number, line)| (number + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let (number, line) = lines.next().ok_or("the header is empty")?;
    let (sampling_rate, samples, count) = record_line(line).map_err(|why| format!("line {number}: {why}"))?;
    let signals = lines
        .map(|(number, line)| signal_line(line).map_err(|why| format!("line {number}: {why}")))
        .collect::<Result<Vec<_>, _>>()?;
    if signals.len() != count {
        return Err(format!("line {number} promises {count} signals, but {} are described", signals.len()));
    }
    if signals.is_empty() {
        return Err(format!("line {number}: the record has no signals"));
    }
    Ok(Header { sampling_rate, samples, signals })
}

/// Sampling rate, samples of each signal and number of signals from
/// `name[/segments] signals [rate[/counter[(base)]] [samples [time [date]]]]`.
fn record_line(line: &str) -> Result<(f64, Option<usize>, usize), String> {
    let mut fields = line.split_whitespace();
    let name = fields.next().unwrap_or_default();
    if let Some((_, segments)) = name.split_once('/') {
        return Err(format!("the record has {segments} segments; only records of one piece are read"));
    }
    let count = fields.next().ok_or("the number of signals is missing")?;
    let count = count.parse().map_err(|_| format!("the number of signals is `{count}`, not a whole number"))?;
    let rate = match fields.next() {
        Some(field) => {
            let rate = field.split_once('/').map_or(field, |(rate, _)| rate);
            rate.parse()
                .ok()
                .filter(|rate: &f64| rate.is_finite() && *rate > 0.0)
                .ok_or_else(|| format!("the sampling frequency is `{field}`, not a number of Hz above 0"))?
        }
        None => DEFAULT_RATE,
    };
    let samples = match fields.next() {
        Some(field) => field.parse().map_err(|_| format!("the number of samples is `{field}`, not a whole number"))?,
        None => 0,
    };
    Ok((rate, (samples > 0).then_some(samples), count))
}

/// `file format[xN][:skew][+offset] [gain[(baseline)][/unit] [resolution [zero [initial [checksum [block [name]]]]]]]`.
fn signal_line(line: &str) -> Result<SignalLine, String> {
    let mut fields = line.split_whitespace();
    let file = fields.next().unwrap_or_default().to_owned();
    if matches!(file.as_str(), "-" | "~") {
        return Err(format!("the signal file is `{file}`, which is no file"));
    }
    let (format, offset) = storage(fields.next().ok_or("the signal's format is missing")?)?;
    let (gain, baseline, unit) = fields.next().map_or(Ok((DEFAULT_GAIN, None, "mV".to_owned())), scale)?;
    let mut whole = |what: &str| match fields.next() {
        Some(field) => field.parse().map(Some).map_err(|_| format!("the {what} is `{field}`, not a whole number")),
        None => Ok(None),
    };
    whole("ADC resolution")?;
    let zero = whole("ADC zero")?;
    let initial = whole("initial value")?;
    let checksum = whole("checksum")?;
    whole("block size")?;
    let name = fields.collect::<Vec<_>>().join(" ");
    let baseline = baseline.or(zero).unwrap_or(0);
    Ok(SignalLine { file, format, offset, gain, baseline, unit, initial, checksum, name })
}

/// The format and the byte offset from a field such as `16`, `212+512` or `16x1:0+24`.
fn storage(field: &str) -> Result<(Format, usize), String> {
    let faulty = || format!("the signal's format is `{field}`; such as `16` or `16+24` was expected");
    let place = |mark: char, text: &str| text.find(mark).unwrap_or(text.len());
    let number = |text: &str| text.get(1..).unwrap_or_default().parse::<usize>().map_err(|_| faulty());
    let (rest, offset) = field.split_at(place('+', field));
    let (rest, skew) = rest.split_at(place(':', rest));
    let (format, per_frame) = rest.split_at(place('x', rest));
    if !per_frame.is_empty() && number(per_frame)? != 1 {
        return Err(format!("`{field}`: several samples per frame are not supported; resample the record first"));
    }
    if !skew.is_empty() && number(skew)? != 0 {
        return Err(format!("`{field}`: a skew between signals is not supported; align the signals first"));
    }
    let offset = if offset.is_empty() { 0 } else { number(offset)? };
    let format = match format {
        "16" => Format::Int16,
        "212" => Format::Packed212,
        _ if format.parse::<u32>().is_ok() => {
            return Err(format!("signal format {format} is not supported; 16 and 212 are"));
        }
        _ => return Err(faulty()),
    };
    Ok((format, offset))
}

/// Gain, baseline and unit from a field such as `200`, `1000.0(0)/mV` or `0.4/uV`.
fn scale(field: &str) -> Result<(f64, Option<i32>, String), String> {
    let faulty = || format!("the gain is `{field}`; such as `1000(0)/mV` was expected");
    let (numbers, unit) = field.split_once('/').unwrap_or((field, "mV"));
    let (gain, baseline) = match numbers.split_once('(') {
        Some((gain, baseline)) => {
            let baseline = baseline.strip_suffix(')').and_then(|number| number.parse().ok());
            (gain, Some(baseline.ok_or_else(faulty)?))
        }
        None => (numbers, None),
    };
    let gain: f64 = gain.parse().ok().filter(|gain: &f64| gain.is_finite()).ok_or_else(faulty)?;
    Ok((if gain == 0.0 { DEFAULT_GAIN } else { gain }, baseline, unit.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(line: &str) -> SignalLine {
        signal_line(line).unwrap()
    }

    #[test]
    fn a_whole_header() {
        let text = "# a comment\r\n\r\nr1 2 360/360.5(12) 650000 12:30:00 01/02/1990\r\n\
                    r1.dat 212 200(1024)/uV 11 1024 995 -22131 0 V 1 of two\r\n# between\r\nr2.dat 16+24\r\n# Age: 60\r\n";
        let header = parse(text).unwrap();
        assert_eq!((header.sampling_rate, header.samples), (360.0, Some(650_000)));
        assert_eq!(
            header.signals[0],
            SignalLine {
                file: "r1.dat".into(),
                format: Format::Packed212,
                offset: 0,
                gain: 200.0,
                baseline: 1024,
                unit: "uV".into(),
                initial: Some(995),
                checksum: Some(-22131),
                name: "V 1 of two".into(),
            }
        );
        let short = &header.signals[1];
        assert_eq!((short.format, short.offset, short.gain, short.baseline), (Format::Int16, 24, 200.0, 0));
        assert_eq!((short.unit.as_str(), short.initial, short.checksum, short.name.as_str()), ("mV", None, None, ""));
    }

    #[test]
    fn defaults_of_the_record_line() {
        assert_eq!(record_line("r 1"), Ok((250.0, None, 1)));
        assert_eq!(record_line("r 12 500 0"), Ok((500.0, None, 12)));
        assert_eq!(record_line("r 12 99.5 7"), Ok((99.5, Some(7), 12)));
    }

    #[test]
    fn a_missing_baseline_is_the_adc_zero_and_no_gain_is_200() {
        assert_eq!(signal("a 16 500/mV 12 1024 3 4 0 I").baseline, 1024);
        assert_eq!(signal("a 16 500(7)/mV 12 1024 3 4 0 I").baseline, 7);
        assert_eq!(signal("a 16 500(-7)/mV").baseline, -7);
        assert_eq!(signal("a 16 0/mV").gain, 200.0);
        assert_eq!(signal("a 16 -12.5/uV").gain, -12.5);
        assert_eq!(signal("a 16x1:0+24 1e3").offset, 24);
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for (text, expected) in [
            ("", "empty"),
            ("# only a comment", "empty"),
            ("r/3 2 360 1000", "line 1: the record has 3 segments"),
            ("r", "number of signals is missing"),
            ("r x 360", "`x`"),
            ("r 0 360", "no signals"),
            ("r 1 0 10\na 16", "`0`, not a number of Hz"),
            ("r 1 nan 10\na 16", "`nan`"),
            ("r 1 360 -5\na 16", "`-5`"),
            ("r 2 360 10\na 16", "promises 2 signals, but 1"),
            ("r 1 360 10\na 16\na 16", "promises 1 signals, but 2"),
            ("r 1 360 10\n~ 16", "`~`"),
            ("r 1 360 10\na", "format is missing"),
            ("r 1 360 10\na 80", "line 2: signal format 80 is not supported"),
            ("r 1 360 10\na sixteen", "`sixteen`"),
            ("r 1 360 10\na 16x4", "several samples per frame"),
            ("r 1 360 10\na 16:3", "skew"),
            ("r 1 360 10\na 16+", "`16+`"),
            ("r 1 360 10\na 16 nan/mV", "`nan/mV`"),
            ("r 1 360 10\na 16 200(1/mV", "`200(1/mV`"),
            ("r 1 360 10\na 16 200/mV 12 zero", "ADC zero is `zero`"),
            ("r 1 360 10\na 16 200/mV 12 0 0 99999999999", "checksum"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }
}
