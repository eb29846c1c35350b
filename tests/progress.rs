//! What the progress display shows, and when.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ecgraft::progress::{Board, Progress};
use ecgraft::terminal::Size;
use ecgraft::words::time::duration;

/// What was written, to be looked at.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Sink {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

const SCREEN: Size = Size { columns: 120, rows: 24 };

fn at(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

#[test]
fn durations_are_read_at_a_glance() {
    for (seconds, text) in [
        (0.0, "0.0 s"),
        (4.24, "4.2 s"),
        (59.94, "59.9 s"),
        (59.96, "1m00s"),
        (80.0, "1m20s"),
        (3599.4, "59m59s"),
        (3599.6, "1h00m"),
        (7500.0, "2h05m"),
        (7199.0, "2h00m"),
        (360_000.0, "100h00m"),
    ] {
        assert_eq!(duration(at(seconds)), text, "{seconds}");
    }
}

#[test]
fn the_share_of_the_work_is_by_cost_and_the_time_left_by_the_pace_so_far() {
    // 1 + 1 + 8 = 10 units of work.
    let mut board = Board::new(3, &[1.0, 1.0, 8.0]);
    board.started(0, "hr on synthetic, cnn, seed 0", at(0.0));
    let line = board.finished(0, "test MAE 2.1 bpm", at(10.0)).unwrap();
    assert_eq!(line, "done    hr on synthetic, cnn, seed 0  test MAE 2.1 bpm  10.0 s");
    board.started(1, "pr", at(10.0));
    board.finished(1, "", at(20.0));
    board.started(2, "cnn", at(20.0));
    board.tick(at(20.0));
    // 2 of 10 units in 20 s: 80 s to go.
    let expected = "[##--------] 2/3 stages, 20% of the work, 20 s gone, about 1m20s left";
    assert_eq!(board.overall(at(20.0), 69), expected);
    assert_eq!(board.overall(at(20.0), 60), "2/3 stages, 20% of the work, 20 s gone, about 1m20s left");
    assert_eq!(board.overall(at(20.0), 20), "2/3 stages, 20%, about 1m20s left");
    // Half of the epochs of the last stage: 2 + 4 of 10 units in 60 s, 40 s to go at most.
    board.epoch(2, 1, 4, "loss 0.5", at(40.0));
    board.epoch(2, 2, 4, "loss 0.4", at(60.0));
    board.tick(at(60.0));
    assert_eq!(
        board.lines(at(60.0), SCREEN),
        [
            "cnn  epoch 2/4  at most 40 s left  loss 0.4",
            "[############--------] 2/3 stages, 60% of the work, 1m00s gone, about 40 s left",
        ]
    );
    // In the middle of the third epoch: 2 + 5 of 10 units in 70 s.
    board.tick(at(70.0));
    let lines = board.lines(at(70.0), SCREEN);
    assert!(lines[0].contains("at most 30 s left"), "{lines:?}");
    assert!(lines[1].contains("70% of the work, 1m10s gone, about 30 s left"), "{lines:?}");
    // Stopped early: the whole cost counts.
    board.finished(2, "", at(72.0));
    assert!(board.overall(at(72.0), 70).starts_with("[##########] 3/3 stages, 100% of the work"));
    assert_eq!(board.summary(at(72.0)).unwrap(), "3 of 3 stages done in 1m12s");
    assert!(board.lines(at(72.0), SCREEN).is_empty());
}

#[test]
fn what_was_done_before_and_what_failed_is_not_work() {
    let mut board = Board::new(4, &[5.0, 1.0, 1.0, f64::NAN]);
    board.found(0);
    board.started(1, "a", at(100.0));
    board.finished(1, "fine", at(104.0));
    board.started(2, "b", at(104.0));
    let line = board.failed(2, "record 7: no lead V2\nuse another source", at(105.0)).unwrap();
    assert_eq!(line, "failed  b  after 1.0 s: record 7: no lead V2\n        use another source");
    board.tick(at(105.0));
    // One unit done of two (a cost that is no number counts as 1), in 5 s since work began.
    let expected = "[#####-----] 1/3 stages (1 failed), 50% of the work, 5 s gone, about 5 s left";
    assert_eq!(board.overall(at(105.0), 82), expected);
    assert_eq!(board.summary(at(105.0)).unwrap(), "1 of 3 stages done in 5.0 s, 1 failed");
    assert_eq!(Board::new(4, &[]).summary(at(9.0)), None, "nothing began");
}

#[test]
fn a_guess_moves_smoothly() {
    let mut board = Board::new(2, &[1.0, 1.0]);
    board.started(0, "a", at(0.0));
    board.epoch(0, 1, 100, "", at(10.0));
    board.tick(at(10.0));
    // 1 of 200 epochs in 10 s: 1990 s to go.
    assert!(board.overall(at(10.0), 80).ends_with("about 33m left"), "{}", board.overall(at(10.0), 80));
    // Early stopping: half of the work is done after 11 s. The guess goes there, not all at once.
    board.finished(0, "", at(11.0));
    board.started(1, "b", at(11.0));
    board.tick(at(11.0));
    assert!(board.overall(at(11.0), 80).ends_with("about 30m left"), "{}", board.overall(at(11.0), 80));
    for second in 12..=60 {
        board.tick(at(f64::from(second)));
    }
    let left = board.overall(at(60.0), 80);
    assert!(left.ends_with("about 50 s left") || left.ends_with("about 55 s left"), "{left}");
}

#[test]
fn the_live_block_keeps_within_the_screen() {
    let mut board = Board::new(40, &[]);
    for index in 0..30 {
        let label =
            format!("inception, hr+pr+qt+qrs from a-mix-with-a-long-name, freeze gradual, 100% labels, seed {index}");
        board.started(index, &label, at(0.0));
        board.epoch(index, 3, 20, "loss 0.41  macro AUC 0.871", at(6.0));
    }
    board.tick(at(6.0));
    for columns in [20, 40, 80, 120, 200] {
        let lines = board.lines(at(6.0), Size { columns, rows: 10 });
        assert!(lines.len() < 10, "{} lines", lines.len());
        assert!(lines.iter().all(|line| line.chars().count() < columns), "{columns}: {lines:#?}");
        assert!(lines.iter().any(|line| line == "and 23 more in work" || columns <= 20), "{lines:#?}");
    }
    // The epochs are worth more than the end of the label.
    let lines = board.lines(at(6.0), Size { columns: 100, rows: 10 });
    assert!(lines[0].contains("…  epoch 3/20  at most 35 s left  loss 0.41  macro AUC 0.871"), "{lines:#?}");
}

#[test]
fn without_a_terminal_there_are_lines_and_nothing_else() {
    let sink = Sink::default();
    let progress = Progress::to(Box::new(sink.clone()), None, 2, &[1.0, 1.0]);
    progress.stage_started(0, "hr on synthetic, cnn, seed 0");
    for epoch in 1..=3 {
        progress.epoch_done(0, epoch, 3, "loss 0.1");
    }
    progress.stage_finished(0, "test MAE 2.1 bpm");
    progress.message("the cache is full");
    progress.stage_started(1, "cnn from scratch");
    progress.stage_failed(1, "a bad \x1b[31mrecord");
    // Indices that are not there, and stages that are not in work, do nothing.
    progress.stage_started(7, "no such stage");
    progress.epoch_done(9, 1, 2, "");
    progress.stage_finished(0, "again");
    progress.already_done(8);
    progress.finish();
    progress.finish();
    progress.message("too late");
    let text = sink.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert!(lines[0].starts_with("done    hr on synthetic, cnn, seed 0  test MAE 2.1 bpm  0."), "{text}");
    assert_eq!(lines[1], "the cache is full");
    assert!(lines[2].starts_with("failed  cnn from scratch") && lines[2].contains("a bad"), "{text}");
    assert!(lines[3].starts_with("1 of 2 stages done in 0.") && lines[3].ends_with("1 failed"), "{text}");
    assert!(!text.contains('\x1b') && !text.contains('\r'));
}

/// What a screen shows after `text`: enough of a terminal for what is written.
fn screen(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if let Some(code) = rest.strip_prefix("\x1b[") {
            let end = code.find(|letter: char| letter.is_ascii_alphabetic()).unwrap();
            match &code[end..=end] {
                // The cursor is at the start of the last line: up and erased from there.
                "A" => lines.truncate(lines.len() - code[..end].parse::<usize>().unwrap()),
                "J" => *lines.last_mut().unwrap() = String::new(),
                other => panic!("{other}"),
            }
            rest = &code[end + 1..];
            continue;
        }
        match character {
            '\n' => lines.push(String::new()),
            '\r' => {}
            other => lines.last_mut().unwrap().push(other),
        }
        rest = &rest[character.len_utf8()..];
    }
    assert_eq!(lines.pop().unwrap(), "", "the cursor is left at the start of a line");
    lines
}

#[test]
fn on_a_terminal_the_block_is_redrawn_in_place_below_the_lines_that_stay() {
    let sink = Sink::default();
    let progress = Progress::to(Box::new(sink.clone()), Some(SCREEN), 3, &[]);
    progress.already_done(2);
    progress.stage_started(0, "a");
    assert_eq!(screen(&sink.text()), ["a  0 s so far", "[--------------------] 0/2 stages, 0% of the work, 0 s gone"]);
    // Sooner than it is redrawn: nothing is written.
    let before = sink.text();
    progress.epoch_done(0, 1, 4, "loss 0.1");
    assert_eq!(sink.text(), before);
    std::thread::sleep(Duration::from_millis(110));
    progress.epoch_done(0, 2, 4, "loss 0.1");
    let shown = screen(&sink.text());
    assert!(shown.len() == 2 && shown[0].starts_with("a  epoch 2/4  at most"), "{shown:?}");
    assert!(shown[1].starts_with("[#####---------------] 0/2 stages, 25% of the work"), "{shown:?}");
    progress.message("a line of its own");
    progress.stage_started(1, "b");
    progress.stage_finished(0, "test macro AUC 0.912");
    let shown = screen(&sink.text());
    assert_eq!(shown[0], "a line of its own");
    assert!(shown[1].starts_with("done    a  test macro AUC 0.912  0."), "{shown:?}");
    assert!(shown.len() == 4 && shown[2].starts_with("b  0 s so far"), "{shown:?}");
    progress.stage_finished(1, "fine");
    progress.finish();
    let shown = screen(&sink.text());
    assert!(shown.len() == 4 && shown[3].starts_with("2 of 2 stages done in"), "{shown:?}");
}

#[test]
fn workers_may_tell_of_their_stages_at_once() {
    let sink = Sink::default();
    let progress = Progress::to(Box::new(sink.clone()), Some(SCREEN), 64, &[]);
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let progress = &progress;
            scope.spawn(move || {
                for index in (worker..64).step_by(8) {
                    progress.stage_started(index, &format!("stage {index}"));
                    progress.epoch_done(index, 1, 1, "");
                    progress.stage_finished(index, "ok");
                }
            });
        }
    });
    progress.finish();
    let shown = screen(&sink.text());
    assert_eq!(shown.len(), 65);
    assert!(shown[..64].iter().all(|line| line.starts_with("done    stage ")), "{shown:?}");
    assert!(shown[64].starts_with("64 of 64 stages done"), "{shown:?}");
}
