//! What a recording costs while it is made, and what it gives back: how fast it is replayed, how long a jump to any
//! place of ten million events takes, and what the checkpoints for that weigh.

use splitbrain::base::random::Keyed;
use splitbrain::base::time::VirtualTime;
use splitbrain::cluster::live::HostKind;
use splitbrain::driver::frame::Frame;
use splitbrain::driver::lane::Lane;
use splitbrain::driver::player::Player;
use splitbrain::driver::replay::{Replay, compare};
use splitbrain::driver::thread::{Edges, Simulation, Start, start};
use splitbrain::driver::{Request, Seek};
use splitbrain::scenario::grammar::parse;
use splitbrain::scenario::load::load;
use splitbrain::scenario::model::Scenario;
use splitbrain::scenario::{presets, vocabulary};
use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

/// Events of the recording that is jumped about in.
const EVENTS: u64 = 10_000_000;
/// Jumps to random places of it.
const JUMPS: u64 = 300;
/// Rounds of recording and not recording.
const ROUNDS: usize = 7;
/// What a restless hand does.
const DEEDS: [&str; 6] = ["crash n1", "restart n1", "isolate n2", "heal", "loss all 5%", "heal"];

/// The word that makes a child process of the bench play alone and print what memory it took.
pub(crate) const WEIGHING: &str = "weighing";

/// The playground under a load that keeps it busy.
fn busy() -> Scenario {
    let mut scenario = presets::load("playground").expect("the preset loads");
    scenario.workload.rate = 1_000;
    scenario.runs.iter_mut().for_each(|run| run.setup.workload.rate = 1_000);
    scenario
}

/// Prints everything.
pub(crate) fn measure() {
    println!("\nrecordings (the playground's two runs at 1 000 operations a second)");
    recording();
    jumping();
    weights();
}

/// A simulation that stands still, and what it records to.
fn simulation(scenario: &Scenario, tape: Option<Box<dyn Write + Send>>) -> Simulation {
    let words = vocabulary(scenario);
    let mut edges =
        Edges::reading(Box::new(move |text| parse(text, &words).map_err(|error| error.to_string())));
    edges.tape = tape.map(|tape| ("bench".to_owned(), tape));
    let begin = Start { is_paused: true, ..Start::default() };
    start(Arc::new(scenario.clone()), begin, edges).expect("a thread")
}

/// Asks and waits for the next frame.
fn send(simulation: &mut Simulation, request: Request) -> Arc<Frame> {
    wait(simulation, request, |_| true)
}

/// Asks and waits for the frame that answers. A place that lies ahead is run to.
fn ask(simulation: &mut Simulation, request: Request) -> Arc<Frame> {
    wait(simulation, request, |frame| !frame.is_running)
}

fn wait(simulation: &mut Simulation, request: Request, is_it: fn(&Frame) -> bool) -> Arc<Frame> {
    let serial = simulation.frames.borrow().serial;
    simulation.requests.blocking_send(request).expect("it listens");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let answered = simulation.frames.wait_for(|frame| frame.serial > serial && is_it(frame));
    Arc::clone(&runtime.block_on(answered).expect("the simulation lives"))
}

fn to(at: VirtualTime) -> Request {
    Request::Seek(Seek::To(at))
}

fn end(simulation: Simulation) {
    simulation.requests.blocking_send(Request::Quit).expect("it listens");
    simulation.thread.join().expect("it ends in peace");
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let began = Instant::now();
    let result = work();
    (began.elapsed().as_secs_f64(), result)
}

/// Forty busy seconds as fast as possible, with a command at every frame, recorded to a file and not recorded; then the
/// file replayed.
fn recording() {
    let (scenario, seconds) = (busy(), 40);
    let path = std::env::temp_dir().join(format!("splitbrain-bench-{}.toml", std::process::id()));
    let play = |tape: Option<Box<dyn Write + Send>>| {
        let mut simulation = simulation(&scenario, tape);
        timed(|| {
            let mut frame = send(&mut simulation, to(VirtualTime(seconds * 1_000_000)));
            for deed in DEEDS.iter().cycle() {
                if !frame.is_running {
                    return end(simulation);
                }
                frame = send(&mut simulation, Request::Command((*deed).to_owned()));
            }
        })
        .0
    };
    let (mut off, mut on) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        off.push(play(None));
        on.push(play(Some(Box::new(File::create(&path).expect("a file")))));
    }
    let text = std::fs::read_to_string(&path).expect("it was written");
    std::fs::remove_file(&path).expect("it is there");
    let recorded =
        load("bench.toml", &text, &[]).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    let (mut rates, mut events) = (Vec::new(), 0);
    for _ in 0..ROUNDS {
        let mut player = Player::new(Arc::new(recorded.clone()), HostKind::Inline).expect("a world");
        let (took, ()) = timed(|| player.advance(VirtualTime(recorded.duration.0)));
        assert_eq!(compare(&recorded, &mut player), Replay::Same);
        events = player.events();
        rates.push(events as f64 / took);
    }
    let (off, on, bytes) = (super::median(&off), super::median(&on), text.len());
    println!("  {seconds} s as fast as possible, a command at every frame (median of {ROUNDS})");
    println!("    not recorded         {:>7.0} times real time   1.00", seconds as f64 / off);
    println!("    recorded to a file   {:>7.0} times real time   {:.2}", seconds as f64 / on, off / on);
    println!("    replayed from it     {:>7.2} M events/s, {events} events", super::median(&rates) / 1e6);
    println!("    the file             {:>7.2} bytes an event", bytes as f64 / events as f64);
}

/// The second of the busy playground in which its ten millionth event happens, and how many have by its end.
fn ten_millionth() -> (u64, u64) {
    let mut player = Player::new(Arc::new(busy()), HostKind::Inline).expect("a world");
    let mut second = 0;
    while player.events() < EVENTS {
        second += 1;
        player.advance(VirtualTime(second * 1_000_000));
    }
    (second, player.events())
}

/// Ten million events lived through, then jumps to random places, from the request to the frame that shows it.
fn jumping() {
    let (took_alone, (second, events)) = timed(ten_millionth);
    let mut simulation = simulation(&busy(), None);
    let live = VirtualTime(second * 1_000_000);
    let took = timed(|| ask(&mut simulation, to(live))).0;
    println!(
        "  {events} events in {second} s: played inline in {took_alone:.1} s, lived through in {took:.1} s"
    );
    let chance = Keyed::new(1, "jumps");
    let mut jumps: Vec<f64> = (0..JUMPS)
        .map(|jump| {
            let at = VirtualTime(chance.bits(jump, 0) % live.0);
            timed(|| black_box(ask(&mut simulation, to(at)))).0 * 1e3
        })
        .collect();
    jumps.sort_by(f64::total_cmp);
    let part = |percent: usize| jumps[(jumps.len() - 1) * percent / 100];
    let within = jumps.iter().filter(|&&ms| ms <= 16.0).count() * 100 / jumps.len();
    println!("    {JUMPS} jumps to random places, ms from the request to the frame that shows it:");
    println!(
        "    median {:.1}, 90 % {:.1}, 99 % {:.1}, worst {:.1}; within 16 ms {within} %",
        part(50),
        part(90),
        part(99),
        part(100)
    );
    end(simulation);
}

/// What the checkpoints of ten million events weigh: the same played with them and without, each in a process of its own.
fn weights() {
    let weigh = |what: &str| {
        let program = std::env::current_exe().expect("the bench is a program");
        let child = std::process::Command::new(program).args([WEIGHING, what]).output().expect("it starts");
        String::from_utf8_lossy(&child.stdout).trim().to_owned()
    };
    for what in ["without", "with"] {
        println!("    memory {what} checkpoints: {}", weigh(what));
    }
}

/// The child's part.
pub(crate) fn weigh(what: &str) {
    let scenario = Arc::new(busy());
    let mut second = 0;
    let events = if what == "with" {
        let mut lane = Lane::new(scenario, HostKind::Inline).expect("a world");
        while lane.player().events() < EVENTS {
            second += 1;
            lane.advance(VirtualTime(second * 1_000_000));
        }
        print!("{} checkpoints, ", lane.checkpoints());
        lane.player().events()
    } else {
        let mut player = Player::new(scenario, HostKind::Inline).expect("a world");
        while player.events() < EVENTS {
            second += 1;
            player.advance(VirtualTime(second * 1_000_000));
        }
        player.events()
    };
    // Linux alone says it.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("unknown");
    println!("{events} events, {} at most", peak.trim());
}
