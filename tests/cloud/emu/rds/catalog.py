"""What this RDS offers: engines in the versions whose servers are installed, and a few instance classes."""

# Class: processors, memory, whether Aurora offers it.
CLASSES = {
    "db.t3.micro": False, "db.t3.small": False, "db.t3.medium": True, "db.t4g.micro": False, "db.t4g.small": False,
    "db.t4g.medium": True, "db.t4g.large": True, "db.m5.large": False, "db.m6g.large": False, "db.m6g.xlarge": False,
    "db.r6g.large": True, "db.r6g.xlarge": True, "db.r6g.2xlarge": True, "db.serverless": True,
}
STORAGE = {"gp2": (None, None), "gp3": (3000, 125), "io1": (1000, None), "io2": (1000, None), "standard": (None, None)}
PORTS = {"postgres": 5432, "aurora-postgresql": 5432, "mysql": 3306, "mariadb": 3306, "aurora-mysql": 3306}
# The version that Aurora MySQL calls itself by, for the server that stands in for it.
AURORA_MYSQL = {"8.0": "8.0.mysql_aurora.3.08.0"}
LICENSE = {"postgres": "postgresql-license", "aurora-postgresql": "postgresql-license"}


class Catalog:
    def __init__(self, engines):
        self.versions = {}
        for (kind, series), engine in sorted(engines.items(), key=lambda item: number(item[1].version)):
            self.versions.setdefault(kind, {})[engine.version] = engine
            if kind == "postgres":
                self.versions.setdefault("aurora-postgresql", {})[engine.version] = engine
            elif kind == "mysql" and series in AURORA_MYSQL:
                self.versions.setdefault("aurora-mysql", {})[AURORA_MYSQL[series]] = engine
        if "aurora-mysql" not in self.versions and "mariadb" in self.versions:
            # Better than none.
            stand_in = next(reversed(self.versions["mariadb"].values()))
            self.versions["aurora-mysql"] = {AURORA_MYSQL["8.0"]: stand_in}

    def find(self, engine, version=None):
        """The full version and the server for what was asked: nothing, a series, or a full version."""
        offered = self.versions.get(engine, {})
        if version is None:
            return next(reversed(offered.items()), None)
        if version in offered:
            return version, offered[version]
        return next(((full, one) for full, one in reversed(offered.items()) if full.startswith(version + ".")), None)

    def family(self, engine, version):
        return engine + major(engine, version)


def major(engine, version):
    return version.split(".")[0] if "postgres" in engine else ".".join(version.split(".")[:2])


def number(version):
    return [int(part) for part in version.split(".") if part.isdigit()]


def aurora(engine):
    return engine.startswith("aurora-")


def license(engine):
    return LICENSE.get(engine, "general-public-license")


def classes(engine):
    return [name for name, for_aurora in CLASSES.items() if for_aurora or not aurora(engine)
            if aurora(engine) or name != "db.serverless"]


def zones(region):
    return [region + letter for letter in "abc"]
