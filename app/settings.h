#pragma once
// Settings: the values in one JSON file, written atomically and off the GUI thread. A file that
// cannot be used stays or is renamed aside, and the defaults serve; keys this version does not know
// are kept. GUI thread.

#include "app/json_file.h"
#include "app/settings_values.h"
#include "engine/status.h"

#include <QJsonObject>
#include <QObject>
#include <QStringList>

namespace app {

class Settings : public QObject {
    Q_OBJECT

  public:
    explicit Settings(QString file, QObject* parent = nullptr);
    /// Reads the file. Not OK: the defaults serve, as JsonFile::read() says.
    engine::Status load();
    const SettingsValues& values() const { return m_values; }
    /// Takes new values (out-of-range figures are brought into range), writes them, tells everyone.
    void set(const SettingsValues& values);
    /// Waits until the last values are on disk; at shutdown and in tests.
    bool flush() { return m_file.flush(); }

  signals:
    void changed(const app::SettingsValues& values);
    /// The file could not be written; the values hold until the program ends.
    void failed(const engine::Status& status);

  private:
    void write();

    JsonFile m_file;
    SettingsValues m_values;
    QJsonObject m_document; // as read, so that unknown keys survive
};

/// What an export holds: every row of the table but the model, which is a path of this computer.
QByteArray exportSettings(const SettingsValues& values);

struct ImportedSettings {
    SettingsValues values;
    int changed = 0;     ///< values that differ from those before
    QStringList unknown; ///< ids that this version does not know; left out
};
/// `values` with what an export holds. All or nothing: OptionInvalid names the value that is out of
/// range, or says that the file is no export.
engine::Result<ImportedSettings> importSettings(const QByteArray& file,
                                                const SettingsValues& values);

} // namespace app
