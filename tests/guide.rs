//! The guide's commands, one after another, as a reader types them.

use std::path::Path;
use std::process::Command;

const GUIDE: &str = include_str!("../docs/guide.md");

/// The blocks of the guide in this language.
fn blocks(language: &str) -> Vec<&'static str> {
    let begin = format!("\n```{language}\n");
    GUIDE.split(&begin).skip(1).map(|block| block.split("\n```").next().unwrap_or_default()).collect()
}

#[test]
fn every_command_of_the_guide_works_on_the_sample() {
    let folder = std::env::temp_dir().join(format!("ecgraft-guide-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/data");
    // Whole manifests have a name; what has none is a part of one.
    let named = |block: &&'static str| Some((block.strip_prefix("name = \"")?.split('"').next()?, block.to_string()));
    let manifests: Vec<_> = blocks("toml").iter().filter_map(named).collect();
    assert_eq!(manifests.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["first", "donors"]);
    for (name, manifest) in manifests {
        let manifest = manifest.replace("experiments/data", &data.display().to_string());
        std::fs::write(folder.join(format!("{name}.toml")), manifest).unwrap();
    }
    // Where there is one the tests' own program comes first.
    let program = Path::new(env!("CARGO_BIN_EXE_ecgraft")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());

    let commands: Vec<&str> = blocks("sh").into_iter().flat_map(str::lines).collect();
    assert!(commands.len() > 15, "{commands:#?}");
    for command in commands {
        assert!(command.starts_with("ecgraft "), "{command}");
        let found = Command::new("sh").args(["-c", command]).current_dir(&folder).env("PATH", &path).output().unwrap();
        let said = [found.stdout, found.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        assert!(found.status.success(), "{command}\n{}", said.concat());
    }
    for file in ["report.html", "label-efficiency.svg", "forest.svg", "roc.svg", "table.tex"] {
        assert!(std::fs::metadata(folder.join(file)).unwrap().len() > 100, "{file}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

const QUESTIONS: &str = include_str!("../docs/questions.md");

/// The whole manifests of a page, by their names.
fn manifests(page: &str) -> Vec<(String, String)> {
    let blocks = page.split("\n```toml\n").skip(1).map(|block| block.split("\n```").next().unwrap_or_default());
    // Some blocks are parts of one.
    let named = |text: &str| {
        let name = text.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))?;
        Some((format!("{name}.toml"), format!("{text}\n")))
    };
    blocks.filter_map(named).collect()
}

#[test]
fn every_command_of_the_page_on_questions_works() {
    let bench = crate::workbench::Workbench::new("questions");
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/data");
    let guide = manifests(GUIDE);
    let (_, first) = guide.iter().find(|(file, _)| file == "first.toml").unwrap();
    bench.write("first.toml", &first.replace("experiments/data", &data.display().to_string()));
    for (file, text) in manifests(QUESTIONS) {
        bench.write(&file, &text);
    }
    let commands =
        QUESTIONS.split("\n```sh\n").skip(1).flat_map(|block| block.split("\n```").next().unwrap_or_default().lines());
    let commands: Vec<Vec<&str>> = commands.map(|line| line.split(' ').collect()).collect();
    assert!(commands.len() >= 6, "{commands:#?}");
    for command in &commands {
        assert_eq!(command[0], "ecgraft");
        bench.run(&command[1..]).ok();
    }
    bench.write("both.toml", "include = [\"first.toml\", \"found.toml\"]\nname = \"both\"\n");
    bench.run(&["check", "both.toml"]).ok();

    let Some(python) = crate::export::python("every_command_of_the_page_on_questions_works", &["optuna"]) else {
        return;
    };
    let script = QUESTIONS.split("\n```python\n").nth(1).unwrap().split("\n```").next().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_ecgraft")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
    let said = Command::new(python).args(["-c", script]).current_dir(&bench.path).env("PATH", path).output().unwrap();
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.status.success() && text.contains("learning_rate"), "{text}{}", String::from_utf8_lossy(&said.stderr));
}

const CLUSTER: &str = include_str!("../docs/cluster.md");

#[cfg(unix)]
#[test]
fn every_command_of_the_page_on_clusters_works() {
    let bench = crate::workbench::Workbench::new("clusters");
    let study = crate::workbench::tiny("first", &crate::workbench::sample(), "");
    bench.write("first.toml", &study);
    let program = Path::new(env!("CARGO_BIN_EXE_ecgraft")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
    let sh = |command: &str| {
        let found =
            Command::new("sh").args(["-c", command]).current_dir(&bench.path).env("PATH", &path).output().unwrap();
        crate::workbench::Said::of(&found).ok()
    };
    let has_parallel = Command::new("parallel").arg("--version").output().is_ok_and(|said| said.status.success());
    if !has_parallel {
        crate::workbench::skipped(
            "every_command_of_the_page_on_clusters_works",
            "there is no GNU parallel; xargs does it",
        );
    }
    for block in CLUSTER.split("\n```sh\n").skip(1).map(|block| block.split("\n```").next().unwrap_or_default()) {
        for line in block.lines() {
            let line = match has_parallel {
                true => line.to_owned(),
                false => line.replace("parallel --will-cite -j 2", "tr '\\n' '\\0' | xargs -0 -P 2 -n 1 sh -c"),
            };
            sh(&line);
        }
    }
    assert_eq!(bench.number("SELECT count(*) FROM stages WHERE status = 'done'"), 8.0);
    bench.run(&["verify"]).ok();
    // A profile of the page is one.
    let profile = CLUSTER.split("\n```toml\n").nth(1).unwrap().split("\n```").next().unwrap();
    bench.write("cluster.toml", profile);
    let dry = ["slurm", "submit", "first.toml", "--results", "new", "--profile", "cluster.toml", "--dry-run"];
    assert!(bench.run(&dry).ok().contains("#SBATCH --gpus=a100:1"));
    let python = crate::export::python("every_command_of_the_page_on_clusters_works", &["dask.distributed"]);
    let Some(python) = python else { return };
    std::fs::remove_dir_all(bench.results()).unwrap();
    let script = CLUSTER.split("\n```python\n").nth(1).unwrap().split("\n```").next().unwrap();
    bench.write("loop.py", script);
    let said = Command::new(python).arg("loop.py").current_dir(&bench.path).env("PATH", &path).output().unwrap();
    let out = crate::workbench::Said::of(&said).ok();
    assert!(out.contains("8 stages trained") && out.contains("8 of 8 stages new"), "{out}");
}
