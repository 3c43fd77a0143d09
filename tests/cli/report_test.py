"""Reports on the screen and in files. Run by ctest, one class a topic."""

import fcntl
import json
import os
import pty
import stat
import struct
import subprocess
import termios
import time
import unittest

from harness import BENIGN, EVIL, CliTest, Done, archive_of


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
        self.assertEqual(set(report["cache"]), {"hits", "hits_stat", "hits_trace", "misses", "bypassed", "hit_rate",
                                                "bytes_hashed", "time_saved_ms"})

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


if __name__ == "__main__":
    unittest.main()
