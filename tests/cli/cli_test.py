"""Tests of the program as a process. Run by ctest with MODELAUDIT set to the program; one class a topic."""

import fcntl
import json
import os
import pty
import signal
import socket
import stat
import struct
import subprocess
import termios
import time
import unittest

from harness import BENIGN, EVIL, PROGRAM, UNKNOWN_CLASS, CliTest, Done, archive_of, safetensors


class ScanTest(CliTest):
    """What is scanned."""

    def test_scan_is_the_default_command(self):
        self.write("evil.pkl", EVIL)
        named = self.run_cli("scan", "--deterministic", "evil.pkl")
        default = self.run_cli("evil.pkl", "--deterministic")
        options_first = self.run_cli("--deterministic", "evil.pkl")
        self.assertEqual(named.status, 1)
        self.assertEqual(named.out, default.out)
        self.assertEqual(named.out, options_first.out)

    def test_a_file_that_is_named_like_a_command_is_reached_by_its_path(self):
        self.write("rules", EVIL)
        self.assertEqual(self.run_cli("rules").status, 0)
        self.assertEqual(self.run_cli("./rules").status, 1)
        self.assertEqual(self.run_cli("scan", "rules").status, 1)

    def test_several_paths_are_one_report_and_twins_are_scanned_once(self):
        self.write("a.pkl", BENIGN)
        self.write("b.safetensors", safetensors())
        done = self.run_cli("-f", "json", "a.pkl", "b.safetensors", "a.pkl", "./a.pkl")
        self.assertEqual(done.status, 0)
        self.assertEqual([f["path"] for f in done.json["files"]], ["a.pkl", "b.safetensors"])

    def test_folders_are_walked_hidden_files_too(self):
        self.write("m/a.pkl", BENIGN)
        self.write("m/.hidden/evil.pkl", EVIL)
        done = self.run_cli("-f", "json", "m")
        self.assertEqual(done.status, 1)
        self.assertEqual([f["path"] for f in done.json["files"]], ["m/.hidden/evil.pkl", "m/a.pkl"])

    def test_patterns_that_the_shell_left_alone(self):
        self.write("m/x/evil.pkl", EVIL)
        self.write("m/a.pkl", BENIGN)
        self.write("m/.b.pkl", BENIGN)

        def paths(pattern):
            return [f["path"] for f in self.run_cli("-f", "json", pattern).json["files"]]

        self.assertEqual(paths("m/*.pkl"), ["m/a.pkl"])
        self.assertEqual(paths("m/**/*.pkl"), ["m/a.pkl", "m/x/evil.pkl"])
        self.assertEqual(paths("*/?.pkl"), ["m/a.pkl"])
        self.assertEqual(paths("m/[ab].pkl"), ["m/a.pkl"])
        self.assertEqual(paths("m/**"), ["m/a.pkl", "m/x/evil.pkl"])

    def test_a_name_with_a_star_is_a_name_when_it_exists(self):
        self.write("a*.pkl", EVIL)
        self.write("ab.pkl", BENIGN)
        done = self.run_cli("-f", "json", "a*.pkl")
        self.assertEqual([f["path"] for f in done.json["files"]], ["a*.pkl"])

    def test_a_member_of_an_archive_is_named(self):
        self.write("m.zip", archive_of({"inner/evil.pkl": EVIL}))
        done = self.run_cli("-f", "json", "m.zip")
        self.assertEqual(done.status, 1)
        self.assertIn(["inner/evil.pkl"], [i["where"]["member_path"][:1] for i in done.json["issues"]])


class BadInputTest(CliTest):
    """One clear line each, nothing hangs, a finding is still reported."""

    def one_error(self, path, code):
        done = self.run_cli("-f", "json", path)
        self.assertEqual(done.status, 2, path)
        self.assertEqual([e["path"] for e in done.json["errors"]], [path])
        self.assertEqual(done.json["errors"][0]["code"], code)
        self.assertTrue(done.json["has_errors"])
        self.assertEqual(done.json["verdict"], "inconclusive")
        text = self.run_cli(path)
        self.assertEqual(text.status, 2)
        self.assertEqual(len([line for line in text.text.splitlines() if line.startswith("NOT SCANNED")]), 1)
        self.assertEqual(text.err, "")

    def test_missing_path(self):
        self.one_error("gone.pkl", "not_found")

    def test_missing_folder_in_the_path(self):
        self.one_error("gone/x.pkl", "not_found")

    def test_fifo(self):
        os.mkfifo(self.path("pipe"))
        self.one_error("pipe", "unsupported")

    def test_device(self):
        self.one_error("/dev/null", "unsupported")

    def test_socket(self):
        server = socket.socket(socket.AF_UNIX)
        self.addCleanup(server.close)
        server.bind(self.path("sock"))
        self.one_error("sock", "unsupported")

    def test_broken_link(self):
        os.symlink("gone", self.path("link"))
        self.one_error("link", "not_found")

    def test_link_to_itself(self):
        os.symlink("loop", self.path("loop"))
        done = self.run_cli("-f", "json", "loop")
        self.assertEqual(done.status, 2)
        self.assertEqual(len(done.json["errors"]), 1)

    def test_remote_source(self):
        self.one_error("hf://org/model", "unsupported")

    def test_pattern_without_match(self):
        self.one_error("*.gone", "not_found")

    def test_unreadable_file(self):
        self.as_nobody()
        self.write("secret.pkl", BENIGN)
        os.chmod(self.path("secret.pkl"), 0)
        done = self.run_cli("-f", "json", "secret.pkl")
        self.assertEqual(done.status, 2)
        self.assertEqual(done.json["verdict"], "inconclusive")
        self.assertIn("secret.pkl", self.run_cli("secret.pkl").text)

    def test_folder_without_permission(self):
        self.as_nobody()
        self.write("locked/a.pkl", BENIGN)
        os.chmod(self.path("locked"), 0)
        done = self.run_cli("-f", "json", "locked")
        self.assertEqual(done.status, 2)
        self.assertEqual([e["path"] for e in done.json["errors"]], ["locked"])

    def as_nobody(self):
        """Root may read everything: the program then runs as an ordinary user."""
        if os.geteuid() != 0:
            return
        for folder in (self.root, self.home, self.dir):
            os.chmod(folder, 0o777)
        probe = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", PROGRAM, "--version"],
                               env=self.environment(), capture_output=True, check=False)
        if probe.returncode != 0:
            self.skipTest("an ordinary user cannot run the program from where it was built")
        self.command = lambda *words: ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", PROGRAM, *words]

    def test_empty_file(self):
        for name in ("empty.pkl", "empty.bin", "empty"):
            self.write(name, b"")
            done = self.run_cli("-f", "json", name)
            self.assertEqual(done.status, 2, name)
            self.assertEqual(done.json["verdict"], "inconclusive")
            self.assertFalse(done.json["complete"])

    def test_unknown_type_that_was_named_is_not_clean(self):
        self.write("notes.xyz", b"just some words\n")
        done = self.run_cli("-f", "json", "notes.xyz")
        self.assertEqual(done.status, 2)
        self.assertEqual(done.json["verdict"], "inconclusive")

    def test_unknown_type_in_a_folder_is_listed_and_changes_nothing(self):
        self.write("m/a.pkl", BENIGN)
        self.write("m/notes.xyz", b"just some words\n")
        done = self.run_cli("-f", "json", "m")
        self.assertEqual(done.status, 0)
        self.assertEqual(done.json["unknown_files"], ["m/notes.xyz"])
        self.assertEqual(self.run_cli("--strict", "m").status, 2)

    def test_empty_model_in_a_folder_is_inconclusive(self):
        self.write("m/a.pkl", BENIGN)
        self.write("m/empty.pkl", b"")
        self.assertEqual(self.run_cli("m").status, 2)

    def test_empty_folder(self):
        os.mkdir(self.path("m"))
        done = self.run_cli("-f", "json", "m")
        self.assertEqual(done.status, 2)
        self.assertFalse(done.json["success"])

    def everything_bad(self):
        self.write("m/empty.pkl", b"")
        self.write("m/notes.xyz", b"just some words\n")
        self.write("m/cut.pkl", BENIGN[:-5])
        os.mkfifo(self.path("m", "pipe"))
        os.symlink("gone", self.path("m", "broken"))
        os.symlink(".", self.path("m", "loop"))
        os.symlink("/dev/zero", self.path("m", "zero"))
        self.write("m/locked/a.pkl", BENIGN)
        os.chmod(self.path("m", "locked"), 0)

    def test_a_folder_with_all_of_these_and_one_malicious_file(self):
        self.everything_bad()
        self.assertEqual(self.run_cli("m").status, 2)
        self.write("m/z/evil.pkl", EVIL)
        done = self.run_cli("-f", "json", "m")
        self.assertEqual(done.status, 1)
        self.assertEqual(done.json["verdict"], "malicious")
        self.assertFalse(done.json["complete"])
        self.assertFalse(done.json["success"])
        self.assertIn("m/z/evil.pkl", [i["where"]["path"] for i in done.json["issues"]])
        failed = {e["path"] for e in done.json["errors"]}
        self.assertLessEqual({"m/pipe", "m/broken", "m/zero"}, failed)

    def test_every_cut_of_a_malicious_file_ends(self):
        for length in range(len(EVIL)):
            self.write("cut.pkl", EVIL[:length])
            self.assertIn(self.run_cli("cut.pkl").status, (1, 2), length)


class ExitStatusTest(CliTest):
    """The table of the documentation."""

    def test_table(self):
        self.write("clean.pkl", BENIGN)
        self.write("evil.pkl", EVIL)
        self.write("cut.pkl", BENIGN[:-3])
        self.write("note.xyz", b"words")
        self.write("empty.pkl", b"")
        os.mkdir(self.path("nothing"))
        self.write("tree/evil.pkl", EVIL)
        os.symlink("gone", self.path("tree", "broken"))
        table = [
            (["clean.pkl"], 0),
            (["evil.pkl"], 1),
            (["cut.pkl"], 2),
            (["gone.pkl"], 2),
            (["nothing"], 2),
            (["*.gone"], 2),
            (["note.xyz"], 2),
            (["empty.pkl"], 2),
            (["--max-size", "10", "clean.pkl"], 2),
            (["tree"], 1),
            (["clean.pkl", "gone.pkl"], 2),
            (["evil.pkl", "gone.pkl"], 1),
            (["--dry-run", "evil.pkl"], 0),
            (["--dry-run", "gone.pkl"], 2),
            (["--suppress", "S100-S1111", "clean.pkl"], 0),
            (["--list-scanners"], 0),
            (["--nonsense"], 2),
            (["--format", "yaml", "clean.pkl"], 2),
            (["--scanners", "nonsense", "clean.pkl"], 2),
            (["--exclude-scanner", "nonsense", "clean.pkl"], 2),
            (["--suppress", "S777", "clean.pkl"], 2),
            (["--severity", "S201=loud", "clean.pkl"], 2),
            (["--severity", "S201", "clean.pkl"], 2),
            (["--allow", "*", "clean.pkl"], 2),
            (["--max-size", "ten", "clean.pkl"], 2),
            (["--timeout", "0", "clean.pkl"], 2),
            (["--config", "gone.toml", "clean.pkl"], 2),
            (["--quiet", "--verbose", "clean.pkl"], 2),
            (["--output", "gone/report", "clean.pkl"], 2),
            (["scan"], 2),
            ([], 2),
            (["--help"], 0),
            (["--version"], 0),
            (["scan", "--help"], 0),
            (["rules"], 0),
            (["rules", "S777"], 1),
            (["rules", "--category", "1-2"], 2),
            (["doctor"], 0),
            (["completion", "tcsh"], 2),
        ]
        for words, status in table:
            with self.subTest(words=words):
                self.assertEqual(self.run_cli(*words).status, status)

    def test_standard_error_is_empty_on_success(self):
        self.write("clean.pkl", BENIGN)
        self.write("evil.pkl", EVIL)
        for words in (["clean.pkl"], ["evil.pkl"], ["-f", "json", "clean.pkl"], ["-v", "clean.pkl"], ["rules"], ["doctor"]):
            with self.subTest(words=words):
                self.assertEqual(self.run_cli(*words).err, "")

    def test_a_wrong_word_is_one_line_that_names_it(self):
        for words, name in ((["--nonsense"], "--nonsense"), (["--suppress", "S777", "x"], "S777"), (["--max-size", "ten", "x"], "ten"),
                            (["--scanners", "nonsense", "x"], "nonsense")):
            with self.subTest(words=words):
                done = self.run_cli(*words)
                self.assertEqual(done.out, b"")
                self.assertEqual(done.err.count("\n"), 1)
                self.assertTrue(done.err.startswith("modelaudit: "))
                self.assertIn(name, done.err)

    def test_a_report_that_cannot_be_written_is_a_failure(self):
        self.write("clean.pkl", BENIGN)
        with open("/dev/full", "wb") as full:
            done = subprocess.run(self.command("clean.pkl"), cwd=self.dir, env=self.environment(), stdout=full,
                                  stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"cannot write", done.stderr)


class ReportTest(CliTest):
    """Text and JSON."""

    def on_terminal(self, *words, **environment):
        """Runs the program with a terminal of 60 columns on standard output."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
        process = subprocess.Popen(self.command(*words), cwd=self.dir, env=self.environment(**environment), stdout=slave,
                                   stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        os.close(slave)
        out = b""
        while True:
            try:
                part = os.read(master, 4096)
            except OSError:
                break
            if not part:
                break
            out += part
        os.close(master)
        err = process.stderr.read().decode()
        process.stderr.close()
        return Done(process.wait(), out, err)

    def test_text_says_what_where_why_and_what_to_do(self):
        self.write("evil.pkl", EVIL)
        text = self.run_cli("evil.pkl").text
        for part in ("evil.pkl: MALICIOUS", "CRITICAL", "What:", "Where:", "Why:", "Do:", "system", "Verdict: MALICIOUS"):
            self.assertIn(part, text)

    def test_colour_only_on_a_terminal_and_not_with_no_color(self):
        self.write("evil.pkl", EVIL)
        self.assertNotIn(b"\x1b", self.run_cli("evil.pkl").out)
        self.assertIn(b"\x1b[1;31m", self.on_terminal("evil.pkl").out)
        self.assertNotIn(b"\x1b", self.on_terminal("evil.pkl", NO_COLOR="1").out)
        self.assertNotIn(b"\x1b", self.on_terminal("evil.pkl", TERM="dumb").out)

    def test_terminal_escapes_in_names_do_not_reach_the_terminal(self):
        name = "x\x1b[2J\x1b]0;owned\x07\r\u202e.pkl"
        self.write(name, EVIL)
        self.write("m.zip", archive_of({name: EVIL}))
        for words in ([name], ["m.zip"], ["-v", "."], ["-f", "json", "."], ["--dry-run", "."], ["--dry-run", "-f", "json", "."],
                      [name + "gone"]):
            with self.subTest(words=words):
                out = self.on_terminal(*words, NO_COLOR="1")
                for bad in (b"\x1b", b"\x07", "\u202e".encode()):
                    self.assertNotIn(bad, out.out)
                    self.assertNotIn(bad, out.err.encode())

    def test_json_keys(self):
        self.write("m/evil.pkl", EVIL)
        self.write("m/ok.pkl", BENIGN)
        report = self.run_cli("-f", "json", "m").json
        types = {"schema_version": int, "tool": dict, "verdict": str, "complete": bool, "interrupted": bool, "errors": list,
                 "bytes_scanned": int, "issues": list, "checks": list, "files_scanned": int, "assets": list, "has_errors": bool,
                 "scanner_names": list, "file_metadata": dict, "start_time": float, "duration": float, "total_checks": int,
                 "passed_checks": int, "failed_checks": int, "success": bool, "files": list, "suppressed": list,
                 "unknown_files": list, "cache": dict}
        for key, kind in types.items():
            with self.subTest(key=key):
                self.assertIs(type(report[key]), kind)
        issue = report["issues"][0]
        for key in ("message", "severity", "location", "details", "why", "timestamp", "type", "rule", "fingerprint", "where"):
            self.assertIn(key, issue)
        self.assertTrue(any("rule_code" in i for i in report["issues"]))
        self.assertLessEqual(abs(report["start_time"] - time.time()), 3600)
        self.assertEqual(report["files_scanned"], 2)
        self.assertEqual(report["bytes_scanned"], len(EVIL) + len(BENIGN))
        self.assertEqual(set(report["cache"]), {"hits", "misses", "bypassed"})

    def test_deterministic_reports_are_byte_identical(self):
        for i in range(30):
            self.write(f"m/{i % 7}/{i}.pkl", EVIL if i % 3 == 0 else BENIGN)
        for form in ("json", "text"):
            runs = {self.run_cli("--deterministic", "-f", form, "m").out for _ in range(3)}
            runs |= {self.run_cli("--deterministic", "--no-cache", "-f", form, "m").out}
            self.assertEqual(len(runs), 1, form)

    def test_quiet_is_quiet(self):
        self.write("clean.pkl", BENIGN)
        self.write("evil.pkl", EVIL)
        self.assertEqual(self.run_cli("-q", "clean.pkl").out, b"")
        self.assertIn("CRITICAL", self.run_cli("-q", "evil.pkl").text)

    def test_verbose_shows_coverage(self):
        self.write("clean.pkl", BENIGN)
        self.assertIn("Coverage:", self.run_cli("-v", "clean.pkl").text)
        self.assertNotIn("Coverage:", self.run_cli("clean.pkl").text)

    def test_progress_only_when_asked_where_there_is_no_terminal(self):
        self.write("clean.pkl", BENIGN)
        self.assertEqual(self.run_cli("clean.pkl").err, "")
        self.assertIn("[1/1]", self.run_cli("--progress", "clean.pkl").err)


class OutputTest(CliTest):
    """--output."""

    def setUp(self):
        super().setUp()
        self.write("evil.pkl", EVIL)

    def refused(self, target):
        os.mkfifo(self.path("hang.pkl")) if not os.path.exists(self.path("hang.pkl")) else None
        done = self.run_cli("-o", target, "evil.pkl")
        self.assertEqual(done.status, 2)
        self.assertEqual(done.out, b"")
        self.assertIn("cannot write the report", done.err)

    def test_the_report_goes_to_the_file(self):
        done = self.run_cli("-f", "json", "-o", "report.json", "evil.pkl")
        self.assertEqual(done.status, 1)
        self.assertEqual(done.out, b"")
        with open(self.path("report.json"), "rb") as report:
            self.assertEqual(json.load(report)["verdict"], "malicious")
        self.assertEqual(sorted(os.listdir(self.dir)), ["evil.pkl", "report.json"])
        umask = os.umask(0)
        os.umask(umask)
        self.assertEqual(stat.S_IMODE(os.stat(self.path("report.json")).st_mode), 0o666 & ~umask)

    def test_an_old_report_is_replaced_whole(self):
        self.write("report.txt", b"x" * 100000)
        self.assertEqual(self.run_cli("-o", "report.txt", "evil.pkl").status, 1)
        with open(self.path("report.txt"), "rb") as report:
            self.assertNotIn(b"xxxx", report.read())

    def test_no_colour_in_a_file(self):
        self.run_cli("-o", "report.txt", "evil.pkl")
        with open(self.path("report.txt"), "rb") as report:
            self.assertNotIn(b"\x1b", report.read())

    def test_a_symbolic_link_is_refused_and_its_target_left_alone(self):
        self.write("precious", b"keep")
        os.symlink("precious", self.path("link"))
        os.symlink("gone", self.path("dangling"))
        self.refused("link")
        self.refused("dangling")
        with open(self.path("precious"), "rb") as precious:
            self.assertEqual(precious.read(), b"keep")
        self.assertFalse(os.path.exists(self.path("gone")))

    def test_missing_parent_folder_and_special_files_are_refused(self):
        os.mkdir(self.path("folder"))
        os.mkfifo(self.path("pipe"))
        for target in ("gone/report", "folder", "folder/", "pipe", "/dev/null"):
            with self.subTest(target=target):
                self.refused(target)


class OptionsTest(CliTest):
    """Every other option does what it says."""

    def setUp(self):
        super().setUp()
        self.write("evil.pkl", EVIL)
        self.write("clean.pkl", BENIGN)

    def test_list_scanners(self):
        text = self.run_cli("--list-scanners")
        self.assertEqual(text.status, 0)
        self.assertIn("pickle", text.text)
        listed = self.run_cli("--list-scanners", "-f", "json").json["scanners"]
        self.assertIn("pickle", [s["id"] for s in listed])
        for scanner in listed:
            self.assertEqual({"id", "version", "description", "extensions"}, set(scanner))

    def test_scanners_are_chosen(self):
        self.assertEqual(self.run_cli("--scanners", "pickle", "evil.pkl").status, 1)
        self.assertEqual(self.run_cli("--scanners", "safetensors", "evil.pkl").status, 2)
        self.assertEqual(self.run_cli("--scanners", "safetensors,pickle", "evil.pkl").status, 1)
        self.assertEqual(self.run_cli("--scanners", "safetensors", "--scanners", "pickle", "evil.pkl").status, 1)
        self.assertEqual(self.run_cli("--exclude-scanner", "pickle", "evil.pkl").status, 2)

    def test_max_size(self):
        self.assertEqual(self.run_cli("--max-size", str(len(EVIL)), "evil.pkl").status, 1)
        done = self.run_cli("-f", "json", "--max-size", str(len(EVIL) - 1), "evil.pkl")
        self.assertEqual(done.status, 2)
        self.assertEqual(done.json["files"][0]["coverage"]["gaps"][0]["kind"], "limit")
        for size in ("10GB", "1.5TB", "500 mb", "1KiB", "4096", "2K"):
            self.assertEqual(self.run_cli("--max-size", size, "clean.pkl").status, 0, size)
        for size in ("", "0", "-1", "GB", "1.5XB", "1e3", "nan", "inf", "99999999TB"):
            self.assertEqual(self.run_cli("--max-size=" + size, "clean.pkl").status, 2, size)

    def test_dry_run_never_scans(self):
        self.write("m/evil.pkl", EVIL)
        done = self.run_cli("--dry-run", "m")
        self.assertEqual(done.status, 0)
        self.assertIn("m/evil.pkl", done.text)
        self.assertIn("nothing was scanned", done.text)
        plan = self.run_cli("--dry-run", "-f", "json", "m").json
        self.assertEqual(plan["dry_run"], True)
        self.assertEqual(plan["previews"], [{"path": "m/evil.pkl", "size": len(EVIL), "too_large": False}])
        before = os.stat(self.path("m", "evil.pkl")).st_atime_ns
        self.run_cli("--dry-run", "m")
        self.assertEqual(os.stat(self.path("m", "evil.pkl")).st_atime_ns, before)

    def test_timeout_is_accepted(self):
        self.assertEqual(self.run_cli("--timeout", "60", "clean.pkl").status, 0)
        self.assertEqual(self.run_cli("-t", "0.5", "clean.pkl").status, 0)

    def test_deep_and_strict_judge_the_same_file_the_same(self):
        self.assertEqual(self.run_cli("--deep", "--strict", "evil.pkl").status, 1)
        self.assertEqual(self.run_cli("--deep", "--strict", "clean.pkl").status, 0)

    def test_rules(self):
        table = self.run_cli("rules").text
        self.assertEqual(table.splitlines()[0].split(), ["Code", "Severity", "Rule", "Name"])
        listed = self.run_cli("rules", "--list", "--format", "json").json
        self.assertGreater(len(listed), 10)
        first = listed[0]
        one = self.run_cli("rules", first["id"].upper(), "--format", "json").json
        self.assertEqual(one, first)
        self.assertIn("What to do:", self.run_cli("rules", first["id"]).text)
        in_range = self.run_cli("rules", "--category", "200-299", "--format", "json").json
        self.assertTrue(in_range)
        for rule in in_range:
            self.assertTrue(200 <= int(rule["code"][1:]) <= 299)
        family = self.run_cli("rules", "--category", "pickle", "--format", "json").json
        self.assertTrue(all(rule["id"].startswith("pickle-") for rule in family))
        self.assertTrue(self.run_cli("rules", "--format", "markdown").text.startswith("# Rules"))
        self.assertIn("not found", self.run_cli("rules", "S777").err)

    def test_doctor(self):
        facts = self.run_cli("doctor", "--format", "json").json
        self.assertEqual(facts["scanners"]["total"], len(facts["scanners"]["available"]))
        self.assertIn("compiler", facts["build"])
        self.assertIn("Scanners:", self.run_cli("doctor").text)

    def test_version(self):
        self.assertRegex(self.run_cli("--version").text, r"^modelaudit \d+\.\d+\.\d+\n$")


class PolicyTest(CliTest):
    """Suppressions, severities, allowed names, the policy file."""

    def setUp(self):
        super().setUp()
        self.write("evil.pkl", EVIL)
        self.write("custom.pkl", UNKNOWN_CLASS)

    def rules_of(self, name):
        return {issue["rule"] for issue in self.run_cli("-f", "json", name).json["issues"]}

    def test_a_suppressed_finding_leaves_a_trace(self):
        words = [word for rule in self.rules_of("evil.pkl") for word in ("--suppress", rule)]
        done = self.run_cli("-f", "json", *words, "evil.pkl")
        self.assertEqual(done.status, 0)
        self.assertEqual(done.json["issues"], [])
        self.assertTrue(done.json["suppressed"])
        self.assertTrue(all(s["suppressed"]["by"].startswith("suppress: ") for s in done.json["suppressed"]))
        self.assertIn("suppressed", self.run_cli(*words, "evil.pkl").text)

    def test_a_severity_is_overridden(self):
        words = [word for rule in self.rules_of("evil.pkl") for word in ("-S", rule + "=LOW")]
        done = self.run_cli("-f", "json", *words, "evil.pkl")
        self.assertEqual(done.status, 0)
        self.assertEqual({issue["severity"] for issue in done.json["issues"]}, {"info"})

    def test_an_allowed_name_clears_what_rested_on_it(self):
        self.assertEqual(self.run_cli("custom.pkl").status, 1)
        for name in ("my_package.layers.Attention", "my_package.layers.*", "my_package.*"):
            self.assertEqual(self.run_cli("--allow", name, "custom.pkl").status, 0, name)
        self.assertEqual(self.run_cli("--allow", "my_package.layers.Other", "custom.pkl").status, 1)

    def test_a_dangerous_name_cannot_be_allowed(self):
        self.assertEqual(self.run_cli("--allow", "posix.*", "--allow", "posix.system", "evil.pkl").status, 1)

    def test_policy_changes_nothing_in_the_cache(self):
        self.assertEqual(self.run_cli("--allow", "my_package.*", "custom.pkl").status, 0)
        self.assertEqual(self.run_cli("custom.pkl").status, 1)
        self.assertEqual(self.run_cli("--allow", "my_package.*", "custom.pkl").status, 0)

    def test_the_policy_file(self):
        self.write("policy.toml", b'allow = ["my_package.*"]\n')
        self.assertEqual(self.run_cli("--config", "policy.toml", "custom.pkl").status, 0)
        self.assertEqual(self.run_cli("custom.pkl", MODELAUDIT_CONFIG="policy.toml").status, 0)
        self.assertEqual(self.run_cli("custom.pkl").status, 1)

    def test_no_policy_is_read_from_the_scanned_folder(self):
        self.write("m/custom.pkl", UNKNOWN_CLASS)
        self.write("m/.modelaudit.toml", b'allow = ["my_package.*"]\n')
        self.write("m/pyproject.toml", b'[tool.modelaudit]\nallow = ["my_package.*"]\n')
        self.assertEqual(self.run_cli("m").status, 1)

    def test_a_bad_policy_file_names_its_line(self):
        self.write("policy.toml", b'\nsupress = ["S201"]\n')
        done = self.run_cli("--config", "policy.toml", "custom.pkl")
        self.assertEqual(done.status, 2)
        self.assertIn("policy.toml:2:", done.err)


class CacheTest(CliTest):
    """The cache from outside."""

    def setUp(self):
        super().setUp()
        self.write("clean.pkl", BENIGN)
        os.utime(self.path("clean.pkl"), (1_600_000_000, 1_600_000_000))

    def scan(self, *words):
        return self.run_cli("-f", "json", "--cache-dir", "cache", *words, "clean.pkl").json

    def stored_scan(self):
        """Scans until the file is older than the clock's granularity and its result was stored."""
        for _ in range(50):
            self.scan()
            if self.scan()["cache"]["hits"] == 1:
                return
            time.sleep(0.1)
        self.fail("the result was never stored")

    def test_the_second_scan_hits_and_says_so(self):
        first = self.scan()
        self.assertEqual(first["cache"], {"hits": 0, "misses": 1, "bypassed": 0})
        self.stored_scan()
        again = self.scan()
        self.assertEqual(again["cache"], {"hits": 1, "misses": 0, "bypassed": 0})
        self.assertEqual(again["files"][0]["cache"], "identity_hit")
        self.assertIn("(100% hit rate)", self.run_cli("--cache-dir", "cache", "clean.pkl").text)

    def test_a_changed_file_is_scanned_anew(self):
        self.stored_scan()
        self.write("clean.pkl", EVIL)
        self.assertEqual(self.scan()["verdict"], "malicious")

    def test_no_cache(self):
        report = self.scan("--no-cache")
        self.assertEqual(report["cache"], {"hits": 0, "misses": 0, "bypassed": 1})
        self.assertFalse(os.path.exists(self.path("cache")))

    def test_stats_clear_and_cleanup(self):
        self.stored_scan()
        stats = self.run_cli("cache", "stats", "--cache-dir", "cache", "-f", "json")
        self.assertEqual(stats.status, 0)
        self.assertEqual(stats.json["entries"], 1)
        self.assertGreaterEqual(stats.json["hits"], 1)
        dry = self.run_cli("cache", "clear", "--dry-run", "--cache-dir", "cache", "-f", "json").json
        self.assertEqual((dry["dry_run"], dry["entries"]), (True, 1))
        kept = self.run_cli("cache", "cleanup", "--max-age", "30", "--cache-dir", "cache", "-f", "json").json
        self.assertEqual(kept["entries"], 0)
        cleared = self.run_cli("cache", "clear", "--cache-dir", "cache", "-f", "json").json
        self.assertEqual((cleared["dry_run"], cleared["entries"]), (False, 1))
        self.assertEqual(self.run_cli("cache", "stats", "--cache-dir", "cache", "-f", "json").json["entries"], 0)

    def test_the_flag_forms(self):
        self.stored_scan()
        self.assertIn("Entries:    1", self.run_cli("cache", "--stats", "--cache-dir", "cache").text)
        self.assertIn("Removed 0", self.run_cli("cache", "--cleanup", "30", "--cache-dir", "cache").text)
        self.assertIn("Removed 1", self.run_cli("cache", "--clear", "--cache-dir", "cache").text)
        self.assertEqual(self.run_cli("cache", "--clear", "--stats").status, 2)
        self.assertEqual(self.run_cli("cache").status, 2)
        self.assertEqual(self.run_cli("cache", "--stats", "clear").status, 2)

    def test_clear_leaves_a_foreign_folder_alone(self):
        self.write("mine/precious.txt", b"keep")
        done = self.run_cli("cache", "clear", "--cache-dir", "mine")
        self.assertEqual(done.status, 1)
        self.assertEqual(os.listdir(self.path("mine")), ["precious.txt"])
        self.assertEqual(done.err.count("\n"), 1)

    def test_a_foreign_folder_that_was_asked_for_is_an_error(self):
        self.write("mine/precious.txt", b"keep")
        self.assertEqual(self.run_cli("--cache-dir", "mine", "clean.pkl").status, 2)

    def test_stats_of_no_cache_create_nothing(self):
        done = self.run_cli("cache", "stats", "--cache-dir", "nowhere", "-f", "json")
        self.assertEqual(done.status, 0)
        self.assertEqual(done.json["entries"], 0)
        self.assertFalse(os.path.exists(self.path("nowhere")))


class InterruptTest(CliTest):
    """SIGINT and SIGTERM."""

    def busy(self):
        """A folder that takes long: pickles of many opcodes."""
        first = self.write("m/000.pkl", b"\x80\x04(lp0\n" + b"I1\na" * 4_000_000 + b".")
        for i in range(1, 300):
            os.link(first, self.path("m", f"{i:03}.pkl"))  # no room on the disk, but all the work
        return subprocess.Popen(self.command("--no-cache", "-f", "json", "m"), cwd=self.dir, env=self.environment(),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)

    def interrupted_by(self, which):
        process = self.busy()
        time.sleep(0.4)
        self.assertIsNone(process.poll(), "the scan was over before it could be interrupted")
        sent = time.monotonic()
        process.send_signal(which)
        out, err = process.communicate()
        took = time.monotonic() - sent
        self.assertEqual(process.returncode, 130, err)
        report = json.loads(out)
        self.assertTrue(report["interrupted"])
        self.assertFalse(report["success"])
        self.assertFalse(report["complete"])
        return took

    def test_the_first_signal_ends_in_a_valid_report(self):
        print(f"report {1000 * self.interrupted_by(signal.SIGINT):.0f} ms after the signal")

    def test_sigterm_is_as_sigint(self):
        self.interrupted_by(signal.SIGTERM)

    def test_the_second_signal_ends_at_once(self):
        process = self.busy()
        time.sleep(0.2)
        process.send_signal(signal.SIGSTOP)  # so that both signals wait for it
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
        process.communicate()
        self.assertEqual(process.returncode, 130)


class CompletionTest(CliTest):
    """The shells' completions."""

    def test_each_shell_gets_a_script_that_it_can_read(self):
        for shell in ("bash", "zsh", "fish"):
            with self.subTest(shell=shell):
                script = self.run_cli("completion", shell)
                self.assertEqual(script.status, 0)
                for word in ("scan", "cache", "rules", "doctor", "exclude-scanner", "deterministic"):
                    self.assertIn(word, script.text)
                try:
                    checked = subprocess.run([shell, "-n"], input=script.out, capture_output=True, check=False)
                except FileNotFoundError:
                    continue  # not installed here
                self.assertEqual(checked.returncode, 0, checked.stderr)

    def completed(self, *words):
        """What bash would offer for the last word."""
        script = self.run_cli("completion", "bash").text
        script += "\nCOMP_WORDS=(%s)\nCOMP_CWORD=%d\n_modelaudit\nprintf '%%s\\n' \"${COMPREPLY[@]}\"\n" % (
            " ".join("'%s'" % word for word in words), len(words) - 1)
        return subprocess.run(["bash", "-c", script], cwd=self.dir, capture_output=True, check=True).stdout.decode().split()

    def test_bash_completes_commands_options_values_and_files(self):
        self.write("model.pt", b"x")
        self.assertEqual(self.completed("modelaudit", "ru"), ["rules"])
        self.assertEqual(self.completed("modelaudit", "mod"), ["model.pt"])
        self.assertEqual(self.completed("modelaudit", "scan", "--for"), ["--format"])
        self.assertEqual(self.completed("modelaudit", "model.pt", "--for"), ["--format"])
        self.assertEqual(self.completed("modelaudit", "scan", "--format", "j"), ["json"])
        self.assertIn("pickle", self.completed("modelaudit", "scan", "--scanners", "pick"))
        self.assertEqual(self.completed("modelaudit", "completion", "f"), ["fish"])


if __name__ == "__main__":
    unittest.main()
