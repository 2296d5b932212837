//! The real binary as a process of its own: what it prints depends on nothing around it.

use splitbrain::scenario::presets::PRESETS;
use std::process::Command;

fn play(preset: &str, folder: &str, surroundings: &[(&str, &str)]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_splitbrain"));
    command.args(["run", preset, "--seed", "1..3", "--json"]);
    if preset == "playground" {
        // It has no end of its own worth waiting for.
        command.args(["--for", "30s"]);
    }
    command.current_dir(folder).envs(surroundings.iter().copied());
    let output = command.output().expect("the binary starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.is_empty(), "{preset}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn every_preset_prints_the_same_in_any_folder_zone_and_language() {
    let elsewhere = std::env::temp_dir();
    let elsewhere = elsewhere.to_str().expect("a path in UTF-8");
    let strange =
        [("TZ", "Pacific/Chatham"), ("LC_ALL", "tr_TR.UTF-8"), ("LANG", "tr_TR.UTF-8"), ("HOME", "/nowhere")];
    for preset in PRESETS {
        let here = play(preset.name, env!("CARGO_MANIFEST_DIR"), &[]);
        assert_eq!(here.lines().count(), 3, "{}: an object a seed", preset.name);
        assert_eq!(here.matches("\"trace_digest\":\"").count(), 3 * runs(preset.name), "{}", preset.name);
        assert_eq!(here, play(preset.name, elsewhere, &strange), "{}", preset.name);
    }
}

fn runs(preset: &str) -> usize {
    splitbrain::scenario::presets::load(preset).expect("every preset loads").runs.len()
}
