//! Signal files in FLAC, formats 508, 516 and 524: <https://physionet.org/physiotools/wag/signal-5.htm>.
//!
//! Each signal is a channel; of several samples per frame they follow each other in it.

use claxon::FlacReader;

/// Most samples of a file, all signals together: what is packed tells little of how many there are.
const MOST: usize = 1 << 27;

/// The samples of all `count` signals in turn, frame by frame of `per_frame` samples each; `bits` is how many a sample has at most.
/// After the first `frames`, where that is given, no more are unpacked.
pub(super) fn unpack(
    bytes: &[u8],
    (count, per_frame): (usize, usize),
    bits: u32,
    frames: Option<usize>,
) -> Result<Vec<i32>, String> {
    let faulty = |error: claxon::Error| format!("it is no FLAC that can be read: {error}");
    let mut reader = FlacReader::new(bytes).map_err(faulty)?;
    let said = reader.streaminfo();
    if said.channels as usize != count || said.bits_per_sample > bits {
        return Err(format!(
            "it has {} channels of {} bits; the header describes {count} signals of at most {bits}",
            said.channels, said.bits_per_sample
        ));
    }
    let needed = frames.and_then(|frames| frames.checked_mul(per_frame)).unwrap_or(usize::MAX);
    let mut channels: Vec<Vec<i32>> = vec![Vec::new(); count];
    let mut blocks = reader.blocks();
    let mut buffer = Vec::new();
    let mut length = 0;
    while length < needed {
        let Some(block) = blocks.read_next_or_eof(buffer).map_err(faulty)? else { break };
        if block.channels() as usize != count {
            return Err(format!("a block has {} channels, not {count}", block.channels()));
        }
        for (place, channel) in channels.iter_mut().enumerate() {
            channel.extend_from_slice(block.channel(place as u32));
        }
        length += block.duration() as usize;
        if length.saturating_mul(count) > MOST {
            return Err(format!("it has more than {MOST} samples"));
        }
        buffer = block.into_buffer();
    }
    let frames = length.min(needed) / per_frame.max(1);
    let of_frame = |frame: usize| channels.iter().flat_map(move |channel| &channel[frame * per_frame..][..per_frame]);
    Ok((0..frames).flat_map(of_frame).copied().collect())
}
