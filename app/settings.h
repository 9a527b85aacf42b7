#pragma once
// Settings: typed values in one JSON file, written atomically and off the GUI thread. A damaged
// file is renamed aside and the defaults serve; keys this version does not know are kept. GUI
// thread.

#include "app/sampling_values.h"
#include "engine/status.h"

#include <atomic>
#include <QJsonObject>
#include <QObject>
#include <QStringList>
#include <QThreadPool>

namespace app {

enum class ThemeChoice { System, Light, Dark };
enum class SendKey { Enter, CtrlEnter };

struct SettingsValues {
    QString language; // "en", "zh_CN"; empty = the system's
    ThemeChoice theme = ThemeChoice::System;
    SendKey sendKey = SendKey::Enter;
    int fontZoom = 100; // percent, 50 .. 300
    bool expandReasoning = false;
    bool autoloadModel = true;
    QString lastModel;        // path
    QStringList recentModels; // paths, newest first, at most 12
    QString weights;          // formats and device the last model was loaded with, empty = auto
    QString activations;
    QString kv;
    QString device;
    int contextTokens = 0;
    bool samplingOverridden = false; // false: the model's published defaults
    SamplingValues sampling;
    bool randomSeed = true;
    bool apiEnabled = false; // the API listens while the desktop runs
    QString apiHost = QStringLiteral("127.0.0.1");
    int apiPort = 8484;
    QStringList apiHosts;   // further names of this computer that requests may use
    QStringList apiOrigins; // web pages that may ask

    bool operator==(const SettingsValues&) const = default;
};

class Settings : public QObject {
    Q_OBJECT

  public:
    explicit Settings(QString file, QObject* parent = nullptr);
    ~Settings() override; ///< writes what is pending

    /// Reads the file. SettingsDamaged when a damaged file was put aside.
    engine::Status load();
    const SettingsValues& values() const { return m_values; }
    /// Takes new values (out-of-range figures are brought into range), writes them, tells everyone.
    void set(const SettingsValues& values);
    /// Waits until the last values are on disk; at shutdown and in tests.
    bool flush();

  signals:
    void changed(const app::SettingsValues& values);
    /// The file could not be written; the values hold until the program ends.
    void failed(const engine::Status& status);

  private:
    void write();

    QString m_file;
    SettingsValues m_values;
    QJsonObject m_document; // as read, so that unknown keys survive
    QThreadPool m_writer;   // one thread: writes stay in order
    std::atomic<bool> m_lastWriteOk = true;
};

} // namespace app

Q_DECLARE_METATYPE(app::SettingsValues)
