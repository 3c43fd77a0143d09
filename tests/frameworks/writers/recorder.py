"""Hands out paths below the output folder and remembers what each file is."""
import importlib.metadata
import pathlib

CLEAN = "clean"                     # exit status 0, nothing of warning or above
WARNING_AT_MOST = "warning-at-most"  # carries code that the writer put there: no critical


class Recorder:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.rows = []

    def folder(self, framework, package=None):
        """A recorder for one framework: its files lie in a folder of that name."""
        try:
            version = importlib.metadata.version(package or framework)
        except importlib.metadata.PackageNotFoundError:
            version = "-"
        return Folder(self, framework, version)

    def write_manifest(self):
        lines = ["path\tframework\tversion\texpectation"]
        lines += ["\t".join(row) for row in sorted(self.rows) if (self.root / row[0]).is_file()]
        (self.root / "manifest.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return len(lines) - 1


class Folder:
    def __init__(self, recorder, framework, version):
        self.recorder, self.framework, self.version = recorder, framework, version
        (recorder.root / framework).mkdir(parents=True, exist_ok=True)

    def path(self, name, expectation=CLEAN):
        self.recorder.rows.append((f"{self.framework}/{name}", self.framework, self.version, expectation))
        return str(self.recorder.root / self.framework / name)

    def bytes(self, name, data, expectation=CLEAN):
        pathlib.Path(self.path(name, expectation)).write_bytes(data)

    def attempt(self, name, action, expectation=CLEAN):
        """For what a version of the framework may not be able to write: no row then, and a line that says so."""
        path = self.path(name, expectation)
        try:
            action(path)
        except Exception as error:
            self.recorder.rows.pop()
            pathlib.Path(path).unlink(missing_ok=True)
            print(f"skipped {self.framework}/{name}: {type(error).__name__}: {str(error).splitlines()[0][:100] if str(error) else ''}")
