#pragma once
// The table of settings: one row for each, with its name, what it does, its range and default, and
// what it takes to come into force. The page, the file, export and import, validation and
// `inglenook --list-ui` are made from it. A new setting is a field of SettingsValues and a row in
// one of settings_rows_*.cpp.
//
// Values travel as JSON: bool, number, text, list of texts; a choice is its word. Texts are in the
// language of the moment. GUI thread.

#include "app/settings_values.h"
#include "engine/status.h"

#include <functional>
#include <QJsonArray>
#include <QJsonObject>
#include <QJsonValue>
#include <QList>
#include <QString>

namespace app {

/// In the order of the page.
enum class SettingSection {
    Engine,
    Chat,
    Admission,
    Caches,
    Api,
    Downloads,
    History,
    Appearance,
    Language,
    Privacy
};

enum class SettingKind {
    Switch, ///< bool
    Whole,  ///< int
    Number, ///< double
    Choice, ///< one of the words of `choices`
    Text,   ///< a line
    Prose,  ///< several lines
    Texts,  ///< a list of lines
    Model   ///< path of a model; what can be chosen is what was opened before
};

struct SettingChoice {
    QString word; ///< as stored
    QString text; ///< as shown
};

struct SettingSpec {
    QString id; ///< stable; "sampling.top_p" stands in the object "sampling" of the file
    SettingSection section = SettingSection::Engine;
    SettingKind kind = SettingKind::Switch;
    QString name;
    QString what; ///< one line
    bool reloadsModel = false;
    double least = 0; ///< of Whole and Number
    double most = 0;
    double step = 1;
    QString unit;     ///< " ms"
    QString zeroText; ///< what 0 means; empty = just 0
    QList<SettingChoice> choices;
    QString pattern;  ///< of Text, and of every line of Texts: a regular expression
    QString expected; ///< what a text has to be, for the sentence
    QString needs;    ///< id of the switch that has to be on; "!id": off
    std::function<QJsonValue(const SettingsValues&)> read;
    /// A value of another type changes nothing.
    std::function<void(SettingsValues&, const QJsonValue&)> write;

    QJsonValue byDefault() const { return read(SettingsValues()); }
};

/// Every setting, section by section in the order of the page.
QList<SettingSpec> settingSpecs();
QString sectionName(SettingSection section);
QString sectionKey(SettingSection section); ///< stable, "engine"

/// OK, or OptionInvalid with name, value and what is expected.
engine::Status check(const SettingSpec& spec, const QJsonValue& value);
/// A value as a person reads it: the text of a choice, what 0 means, the unit.
QString valueText(const SettingSpec& spec, const QJsonValue& value);
/// Every value that does not pass check() brought into range: whole numbers to the nearest, others
/// to their default.
SettingsValues inRange(SettingsValues values);

/// Values as the file and an export hold them, into `into`, which keeps what is not ours.
void putSettings(QJsonObject& into, const SettingsValues& values, const QList<SettingSpec>& specs);
/// The value of a row in such an object; undefined when it is not there.
QJsonValue settingIn(const QJsonObject& json, const QString& id);

/// The table for `inglenook --list-ui`.
QJsonArray describeSettings();

} // namespace app
