"""Engine, migrations, journal, worlds, scope: what every room stands on."""
