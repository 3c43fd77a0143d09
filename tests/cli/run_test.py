"""The cache from outside; interruption. Run by ctest, one class a topic."""

import json
import os
import signal
import socket
import subprocess
import time
import unittest

from harness import BENIGN, EVIL, CliTest


class CacheTest(CliTest):
    """The cache from outside."""

    def setUp(self):
        super().setUp()
        self.write("clean.pkl", BENIGN)
        os.utime(self.path("clean.pkl"), (1_600_000_000, 1_600_000_000))

    def scan(self, *words):
        return self.run_cli("-f", "json", "--cache-dir", "cache", *words, "clean.pkl").json

    def stored_scan(self):
        """Scans until the file is older than the clock's granularity and its result was stored under its identity."""
        for _ in range(50):
            if self.scan()["cache"]["hits_stat"] == 1:
                return
            time.sleep(0.1)
        self.fail("the result was never stored")

    def counts(self, *words):
        cache = self.scan(*words)["cache"]
        return cache["hits_stat"], cache["hits_trace"], cache["misses"], cache["bypassed"]

    def test_the_second_scan_hits_and_says_so(self):
        self.assertEqual(self.counts(), (0, 0, 1, 0))
        self.stored_scan()
        again = self.scan()
        self.assertEqual(self.counts(), (1, 0, 0, 0))
        self.assertEqual((again["cache"]["hits"], again["cache"]["hit_rate"]), (1, 1.0))
        self.assertEqual(again["cache"]["bytes_hashed"], 0)
        self.assertGreater(again["cache"]["time_saved_ms"], 0)
        self.assertEqual(again["files"][0]["cache"], "identity_hit")
        self.assertIn("(100% hit rate)", self.run_cli("--cache-dir", "cache", "clean.pkl").text)

    def test_a_file_that_was_just_written_hits_by_content_at_once(self):
        self.scan()
        self.write("copy.pkl", BENIGN)
        report = self.run_cli("-f", "json", "--cache-dir", "cache", "copy.pkl").json
        self.assertEqual((report["cache"]["hits_trace"], report["cache"]["misses"]), (1, 0))
        self.assertGreater(report["cache"]["bytes_hashed"], 0)
        self.assertEqual(report["files"][0]["cache"], "trace_hit")
        self.assertNotIn("clean.pkl", json.dumps(report))
        self.write("third.pkl", BENIGN)
        self.assertIn("1 hit (1 by content)", self.run_cli("--cache-dir", "cache", "third.pkl").text)

    def test_levels_of_verification(self):
        self.stored_scan()
        self.assertEqual(self.counts("--cache-verify", "stat"), (1, 0, 0, 0))
        self.assertEqual(self.counts("--cache-verify", "trace"), (0, 1, 0, 0))
        self.assertEqual(self.counts("--strict"), (0, 1, 0, 0))
        self.assertEqual(self.counts("--cache-verify", "always"), (0, 0, 1, 0))
        self.assertEqual(self.counts("--cache-verify", "always"), (0, 1, 0, 0))
        self.assertEqual(self.run_cli("--cache-verify", "never", "clean.pkl").status, 2)

    def test_refresh_scans_and_stores_anew(self):
        self.stored_scan()
        self.assertEqual(self.counts("--refresh"), (0, 0, 1, 0))
        self.assertEqual(self.counts(), (1, 0, 0, 0))

    def test_in_place_change_with_size_and_mtime_restored(self):
        self.stored_scan()
        before = os.stat(self.path("clean.pkl"))
        with open(self.path("clean.pkl"), "r+b") as out:
            out.write((EVIL + b"." * len(BENIGN))[:len(BENIGN)])
        os.utime(self.path("clean.pkl"), ns=(before.st_atime_ns, before.st_mtime_ns))
        after = os.stat(self.path("clean.pkl"))
        self.assertEqual((after.st_size, after.st_mtime_ns, after.st_ino), (before.st_size, before.st_mtime_ns, before.st_ino))
        self.assertEqual(self.counts(), (0, 0, 1, 0))

    def records(self):
        return sorted(os.path.join(folder, name) for folder, _, names in os.walk(self.path("cache/entries-1"))
                      for name in names)

    def test_verify_finds_and_repairs_bad_entries(self):
        self.stored_scan()
        verify = ("cache", "verify", "--cache-dir", "cache", "-f", "json")
        good = self.run_cli(*verify)
        self.assertEqual((good.status, good.json), (0, {"good": 2, "other_builds": 0, "bad": 0, "removed": 0}))
        with open(self.records()[0], "r+b") as record:
            record.seek(100)
            record.write(b"forged")
        bad = self.run_cli(*verify)
        self.assertEqual((bad.status, bad.json["good"], bad.json["bad"], bad.json["removed"]), (1, 1, 1, 0))
        self.assertIn("--repair removes them", self.run_cli("cache", "verify", "--cache-dir", "cache").text)
        repaired = self.run_cli(*verify, "--repair")
        self.assertEqual((repaired.status, repaired.json["removed"]), (0, 1))
        self.assertEqual(self.run_cli(*verify).json, {"good": 1, "other_builds": 0, "bad": 0, "removed": 0})
        self.assertEqual(self.run_cli("cache", "verify", "--cache-dir", "nowhere", "-f", "json").json["good"], 0)
        self.assertEqual(self.run_cli("cache", "verify", "--cache-key", "no.key", "--cache-dir", "cache").status, 1)

    def test_a_default_folder_that_cannot_be_used_is_a_warning(self):
        self.write("mine/precious.txt", b"keep")
        done = self.run_cli("clean.pkl", MODELAUDIT_CACHE_DIR=self.path("mine"))
        self.assertEqual(done.status, 0)
        self.assertEqual(done.err.count("\n"), 1)
        self.assertIn("mine", done.err)
        self.assertEqual(os.listdir(self.path("mine")), ["precious.txt"])

    def test_a_changed_file_is_scanned_anew(self):
        self.stored_scan()
        self.write("clean.pkl", EVIL)
        self.assertEqual(self.scan()["verdict"], "malicious")

    def test_no_cache(self):
        report = self.scan("--no-cache")
        self.assertEqual(report["cache"]["bypassed"], 1)
        self.assertEqual(report["cache"]["hits"] + report["cache"]["misses"], 0)
        self.assertFalse(os.path.exists(self.path("cache")))

    def test_stats_clear_and_cleanup(self):
        self.stored_scan()
        stats = self.run_cli("cache", "stats", "--cache-dir", "cache", "-f", "json")
        self.assertEqual(stats.status, 0)
        self.assertEqual(stats.json["entries"], 2)  # by identity and by content
        self.assertGreaterEqual(stats.json["hits"], 1)
        dry = self.run_cli("cache", "clear", "--dry-run", "--cache-dir", "cache", "-f", "json").json
        self.assertEqual((dry["dry_run"], dry["entries"]), (True, 2))
        kept = self.run_cli("cache", "cleanup", "--max-age", "30", "--cache-dir", "cache", "-f", "json").json
        self.assertEqual(kept["entries"], 0)
        cleared = self.run_cli("cache", "clear", "--cache-dir", "cache", "-f", "json").json
        self.assertEqual((cleared["dry_run"], cleared["entries"]), (False, 2))
        self.assertEqual(self.run_cli("cache", "stats", "--cache-dir", "cache", "-f", "json").json["entries"], 0)

    def test_the_flag_forms(self):
        self.stored_scan()
        self.assertIn("Entries:    2", self.run_cli("cache", "--stats", "--cache-dir", "cache").text)
        self.assertIn("Removed 0", self.run_cli("cache", "--cleanup", "30", "--cache-dir", "cache").text)
        self.assertIn("Removed 2", self.run_cli("cache", "--clear", "--cache-dir", "cache").text)
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


class CacheServerTest(CliTest):
    """--cache-url from outside; a server that answers is a matter of the library's tests."""

    def setUp(self):
        super().setUp()
        self.write("evil.pkl", EVIL)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.dead = "redis://:hush@127.0.0.1:%d/3" % free.getsockname()[1]

    def test_a_server_that_is_not_there_changes_nothing_and_is_mentioned_once(self):
        done = self.run_cli("-f", "json", "--cache-url", self.dead, "evil.pkl")
        self.assertEqual((done.status, done.json["verdict"]), (1, "malicious"))
        self.assertEqual(done.err.count("\n"), 1)
        self.assertIn("cannot be reached", done.err)
        self.assertNotIn("hush", done.err + done.text)
        self.assertEqual(self.run_cli("-q", "--cache-url", self.dead, "evil.pkl").err, "")
        self.assertEqual(self.run_cli("--no-cache", "--cache-url", self.dead, "evil.pkl").err, "")

    def test_the_environment_names_the_server_and_a_folder_on_the_command_line_wins(self):
        self.assertIn("cannot be reached", self.run_cli("evil.pkl", MODELAUDIT_CACHE_URL=self.dead).err)
        self.assertEqual(self.run_cli("--cache-dir", "cache", "evil.pkl", MODELAUDIT_CACHE_URL=self.dead).err, "")

    def test_what_cannot_be_is_said_before_anything_is_scanned(self):
        for words in (("--cache-url", "http://:hush@h"), ("--cache-url", "rediss://:hush@h"), ("--cache-url", "redis://:hush@h:x"),
                      ("--cache-url", "redis://h", "--cache-dir", "d"), ("--cache-url", "redis://h", "--cache-key", "missing")):
            done = self.run_cli(*words, "evil.pkl")
            self.assertEqual((done.status, done.text), (2, ""))
            self.assertEqual(done.err.count("\n"), 1)
            self.assertNotIn("hush", done.err)

    def test_a_key_file_that_is_no_key_is_left_alone(self):
        self.write("id_rsa", b"somebody's private key")
        os.chmod(self.path("id_rsa"), 0o600)
        for words in (("--cache-url", "redis://h"), ("--cache-dir", "cache")):
            done = self.run_cli(*words, "--cache-key", "id_rsa", "evil.pkl")
            self.assertEqual(done.status, 2)
            self.assertIn("is not 32 bytes long", done.err)
        with open(self.path("id_rsa"), "rb") as file:
            self.assertEqual(file.read(), b"somebody's private key")

    def test_cache_commands_say_that_the_server_failed(self):
        for command in ("stats", "clear", "cleanup"):
            done = self.run_cli("cache", command, "--cache-url", self.dead)
            self.assertEqual((done.status, done.text), (1, ""))
            self.assertIn("cannot be reached", done.err)


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


if __name__ == "__main__":
    unittest.main()
