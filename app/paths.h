#pragma once
// Where the program keeps things. One data directory: --data-dir, else a portable marker (a file
// "portable" beside the program), else $XDG_DATA_HOME/inglenook. Nothing is written elsewhere.

#include <QString>

namespace app {

struct Paths {
    QString dataDir; // absolute

    QString historyDatabase() const { return dataDir + QStringLiteral("/history.db"); }
    QString cacheDatabase() const { return dataDir + QStringLiteral("/cache.db"); }
    QString metricsDatabase() const { return dataDir + QStringLiteral("/metrics.db"); }
    QString settingsFile() const { return dataDir + QStringLiteral("/settings.json"); }
    QString openTabsFile() const { return dataDir + QStringLiteral("/open_tabs.json"); }
    QString agentsFile() const { return dataDir + QStringLiteral("/agents.json"); }
    QString lockFile() const { return dataDir + QStringLiteral("/data.lock"); }
    QString raiseSocket() const { return dataDir + QStringLiteral("/raise.socket"); }
    QString loadMark() const { return dataDir + QStringLiteral("/model.loading"); }
    QString apiKeysFile() const { return dataDir + QStringLiteral("/api_keys.json"); }
    QString downloadsFile() const { return dataDir + QStringLiteral("/downloads.json"); }
    QString modelsDir() const { return dataDir + QStringLiteral("/models"); }
    QString libraryFile() const { return dataDir + QStringLiteral("/library.json"); }
    QString libraryCacheFile() const { return dataDir + QStringLiteral("/library_cache.json"); }
    QString machineFile() const { return dataDir + QStringLiteral("/machine.json"); }
    QString logDir() const { return dataDir + QStringLiteral("/log"); }
};

/// `fromFlag` is --data-dir's value or empty. Does not create anything.
Paths resolvePaths(const QString& fromFlag);

/// Installed read-only data (models/, templates/): beside the program in a build tree or a
/// relocated package, else the compiled-in share folder. Empty when not found.
QString sharedDataDir();

/// The built-in model, or empty when this installation has none.
QString builtInModelPath();

} // namespace app
