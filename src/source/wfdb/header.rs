//! The `.hea` file: one record line, then one line for each signal, or for each segment.

use super::format::Format;

/// Hz, where the record line gives none.
const DEFAULT_RATE: f64 = 250.0;

/// ADC units per physical unit, where the signal line gives none or 0.
const DEFAULT_GAIN: f64 = 200.0;

/// What a header says.
#[derive(Debug, PartialEq)]
pub(in crate::source) struct Header {
    /// Hz.
    pub sampling_rate: f64,
    /// Whether the record line says it.
    pub says_rate: bool,
    /// Samples of each signal, where given.
    pub samples: Option<usize>,
    /// None where the record is of several segments.
    pub signals: Vec<SignalLine>,
    /// The pieces of the record, where there are several.
    pub segments: Vec<Segment>,
    /// Lines after `#`, without it.
    pub comments: Vec<String>,
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
pub(in crate::source) struct SignalLine {
    /// The signal file, beside the header.
    pub file: String,
    pub format: Format,
    /// Samples of it in a frame; above 1 where it was sampled more often than the record's rate.
    pub per_frame: usize,
    /// Frames by which it is late in the file.
    pub skew: usize,
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

/// A piece of a record of several.
#[derive(Debug, PartialEq)]
pub(in crate::source) struct Segment {
    /// The record that it is, beside the header; `None` where nothing was recorded.
    pub name: Option<String>,
    /// Samples of each signal; that of 0 describes the signals of the others.
    pub samples: usize,
}

/// Reads a header's text.
///
/// # Errors
/// A sentence that starts with the line.
pub(super) fn parse(text: &str) -> Result<Header, String> {
    let numbered = || text.lines().enumerate().map(|(number, line)| (number + 1, line.trim()));
    let comments = numbered().filter_map(|(_, line)| Some(line.strip_prefix('#')?.trim().to_owned())).collect();
    let mut lines = numbered().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let (number, line) = lines.next().ok_or("the header is empty")?;
    let RecordLine { rate, samples, signals: count, segments } =
        record_line(line).map_err(|why| format!("line {number}: {why}"))?;
    let (sampling_rate, says_rate) = (rate.unwrap_or(DEFAULT_RATE), rate.is_some());
    let mut header = Header { sampling_rate, says_rate, samples, signals: Vec::new(), segments: Vec::new(), comments };
    if let Some(count) = segments {
        for (number, line) in lines {
            header.segments.push(segment_line(line).map_err(|why| format!("line {number}: {why}"))?);
        }
        if header.segments.len() != count || count == 0 {
            let there = header.segments.len();
            return Err(format!("line {number} promises {count} segments, but {there} are described"));
        }
        return Ok(header);
    }
    for (number, line) in lines {
        header.signals.push(signal_line(line).map_err(|why| format!("line {number}: {why}"))?);
    }
    if header.signals.len() != count {
        return Err(format!("line {number} promises {count} signals, but {} are described", header.signals.len()));
    }
    if header.signals.is_empty() {
        return Err(format!("line {number}: the record has no signals"));
    }
    Ok(header)
}

/// What the record line says.
#[derive(Debug, PartialEq)]
struct RecordLine {
    /// Hz, where given.
    rate: Option<f64>,
    /// Of each signal, where given.
    samples: Option<usize>,
    signals: usize,
    segments: Option<usize>,
}

/// `name samples`; the name is `~` where there is a gap.
fn segment_line(line: &str) -> Result<Segment, String> {
    let mut fields = line.split_whitespace();
    let name = fields.next().unwrap_or_default();
    if name.contains(['/', '\\']) || name == ".." {
        return Err(format!("the segment is `{name}`, which is not beside the header"));
    }
    let samples = fields.next().ok_or("the segment's number of samples is missing")?;
    let samples =
        samples.parse().map_err(|_| format!("the segment's number of samples is `{samples}`, not a whole number"))?;
    Ok(Segment { name: (name != "~").then(|| name.to_owned()), samples })
}

/// What is in `name[/segments] signals [rate[/counter[(base)]] [samples [time [date]]]]`.
fn record_line(line: &str) -> Result<RecordLine, String> {
    let mut fields = line.split_whitespace();
    let name = fields.next().unwrap_or_default();
    let segments = name.split_once('/').map(|(_, segments)| {
        segments.parse().map_err(|_| format!("the number of segments is `{segments}`, not a whole number"))
    });
    let segments = segments.transpose()?;
    let count = fields.next().ok_or("the number of signals is missing")?;
    let count = count.parse().map_err(|_| format!("the number of signals is `{count}`, not a whole number"))?;
    let rate = match fields.next() {
        Some(field) => {
            let rate = field.split_once('/').map_or(field, |(rate, _)| rate);
            let rate = rate.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
            Some(rate.ok_or_else(|| format!("the sampling frequency is `{field}`, not a number of Hz above 0"))?)
        }
        None => None,
    };
    let samples = match fields.next() {
        Some(field) => field.parse().map_err(|_| format!("the number of samples is `{field}`, not a whole number"))?,
        None => 0,
    };
    Ok(RecordLine { rate, samples: (samples > 0).then_some(samples), signals: count, segments })
}

/// `file format[xN][:skew][+offset] [gain[(baseline)][/unit] [resolution [zero [initial [checksum [block [name]]]]]]]`.
fn signal_line(line: &str) -> Result<SignalLine, String> {
    let mut fields = line.split_whitespace();
    let file = fields.next().unwrap_or_default().to_owned();
    if file == "-" {
        return Err("the signal file is `-`, which is no file".into());
    }
    let storage = match fields.next().ok_or("the signal's format is missing")? {
        // Of a header that only describes signals.
        "0" if file == "~" => Storage { format: Format::Int16, per_frame: 1, skew: 0, offset: 0 },
        field => self::storage(field)?,
    };
    let Storage { format, per_frame, skew, offset } = storage;
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
    Ok(SignalLine { file, format, per_frame, skew, offset, gain, baseline, unit, initial, checksum, name })
}

/// How a signal lies in its file.
struct Storage {
    format: Format,
    per_frame: usize,
    skew: usize,
    offset: usize,
}

/// What is in a field such as `16`, `212+512` or `16x4:2+24`.
fn storage(field: &str) -> Result<Storage, String> {
    let faulty = || format!("the signal's format is `{field}`; such as `16` or `16+24` was expected");
    let place = |mark: char, text: &str| text.find(mark).unwrap_or(text.len());
    let number = |text: &str, otherwise: usize| match text.get(1..) {
        Some(digits) => digits.parse::<usize>().map_err(|_| faulty()),
        None => Ok(otherwise),
    };
    let (rest, offset) = field.split_at(place('+', field));
    let (rest, skew) = rest.split_at(place(':', rest));
    let (format, per_frame) = rest.split_at(place('x', rest));
    let (per_frame, skew, offset) = (number(per_frame, 1)?, number(skew, 0)?, number(offset, 0)?);
    if per_frame == 0 {
        return Err(format!("`{field}`: a frame has 0 samples of the signal"));
    }
    match Format::numbered(format) {
        Some(format) => Ok(Storage { format, per_frame, skew, offset }),
        None if format.parse::<u32>().is_ok() => {
            Err(format!("signal format {format} is not supported; {} are", Format::numbers()))
        }
        None => Err(faulty()),
    }
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
                per_frame: 1,
                skew: 0,
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
        let line = |rate, samples, signals, segments| Ok(RecordLine { rate, samples, signals, segments });
        assert_eq!(record_line("r 1"), line(None, None, 1, None));
        assert_eq!(record_line("r 12 500 0"), line(Some(500.0), None, 12, None));
        assert_eq!(record_line("r/3 12 99.5 7"), line(Some(99.5), Some(7), 12, Some(3)));
        assert_eq!(parse("r 1\na 16").unwrap().sampling_rate, 250.0);
    }

    #[test]
    fn segments_and_comments() {
        let header = parse("# Age: 60\nr/3 2 250 30\nr_layout 0\nr_1 20\n~ 10\n#Dx: 426783006").unwrap();
        let named = |name: &str, samples| Segment { name: Some(name.into()), samples };
        assert_eq!(header.segments, [named("r_layout", 0), named("r_1", 20), Segment { name: None, samples: 10 }]);
        assert_eq!(header.comments, ["Age: 60", "Dx: 426783006"]);
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
            ("r/3 2 360 1000\nr_1 1000", "line 1 promises 3 segments, but 1"),
            ("r/x 2 360 1000", "number of segments is `x`"),
            ("r/1 2 360 1000\nr_1", "line 2: the segment's number of samples is missing"),
            ("r/1 2 360 1000\n../r_1 5", "not beside the header"),
            ("r", "number of signals is missing"),
            ("r x 360", "`x`"),
            ("r 0 360", "no signals"),
            ("r 1 0 10\na 16", "`0`, not a number of Hz"),
            ("r 1 nan 10\na 16", "`nan`"),
            ("r 1 360 -5\na 16", "`-5`"),
            ("r 2 360 10\na 16", "promises 2 signals, but 1"),
            ("r 1 360 10\na 16\na 16", "promises 1 signals, but 2"),
            ("r 1 360 10\n- 16", "`-`"),
            ("r 1 360 10\na", "format is missing"),
            ("r 1 360 10\na 81", "line 2: signal format 81 is not supported"),
            ("r 1 360 10\na sixteen", "`sixteen`"),
            ("r 1 360 10\na 16x0", "0 samples"),
            ("r 1 360 10\na 16:-3", "`16:-3`"),
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
