#include "app/settings_table.h"

#include "app/settings_rows.h"

#include <cmath>
#include <QLocale>
#include <QRegularExpression>

namespace app {

namespace {

constexpr int kLongestText = 64 * 1024;

struct SectionName {
    const char* key;
    const char* name;
};

SectionName nameOf(SettingSection section) {
    switch (section) {
    case SettingSection::Engine:
        return {"engine", QT_TRANSLATE_NOOP("app::Label", "Engine")};
    case SettingSection::Chat:
        return {"chat", QT_TRANSLATE_NOOP("app::Label", "Chat")};
    case SettingSection::Admission:
        return {"admission", QT_TRANSLATE_NOOP("app::Label", "Admission")};
    case SettingSection::Caches:
        return {"caches", QT_TRANSLATE_NOOP("app::Label", "Caches")};
    case SettingSection::Api:
        return {"api", QT_TRANSLATE_NOOP("app::Label", "API")};
    case SettingSection::Downloads:
        return {"downloads", QT_TRANSLATE_NOOP("app::Label", "Downloads")};
    case SettingSection::History:
        return {"history", QT_TRANSLATE_NOOP("app::Label", "History")};
    case SettingSection::Appearance:
        return {"appearance", QT_TRANSLATE_NOOP("app::Label", "Appearance")};
    case SettingSection::Language:
        return {"language", QT_TRANSLATE_NOOP("app::Label", "Language")};
    case SettingSection::Privacy:
        break;
    }
    return {"privacy", QT_TRANSLATE_NOOP("app::Label", "Privacy")};
}

QString kindName(SettingKind kind) {
    static constexpr const char* kNames[] = {"switch", "whole", "number", "choice",
                                             "text",   "prose", "texts",  "model"};
    return QString::fromLatin1(kNames[std::size_t(kind)]);
}

QString numberText(double number) {
    // Whole figures with their groups, others as short as they are exact.
    return number == std::floor(number) && std::fabs(number) < 1e15
               ? QLocale().toString(qint64(number))
               : QLocale().toString(number, 'g', 6);
}

enum class Expected { Whole, Number, Text, ShorterText, Described, OneOf, OnOrOff, Texts };

/// What a value has to be, as the end of a sentence.
QString textOf(Expected expected) {
    switch (expected) {
    case Expected::Whole:
        return Label::tr("it is a whole number from %1 to %2");
    case Expected::Number:
        return Label::tr("it is a number from %1 to %2");
    case Expected::Text:
        return Label::tr("it is a text");
    case Expected::ShorterText:
        return Label::tr("it is shorter");
    case Expected::Described:
        return Label::tr("it is %1");
    case Expected::OneOf:
        return Label::tr("it is one of %1");
    case Expected::OnOrOff:
        return Label::tr("it is on or off");
    case Expected::Texts:
        break;
    }
    return Label::tr("it is a list of texts");
}

engine::Status refused(const SettingSpec& spec, const QJsonValue& value, const QString& expected) {
    QString text = value.isString() ? value.toString().left(80) : valueText(spec, value);
    if (text.isEmpty())
        text = QStringLiteral("\"\"");
    return engine::Status(engine::Code::OptionInvalid, {{"option", spec.name.toStdString()},
                                                        {"value", text.toStdString()},
                                                        {"expected", expected.toStdString()}});
}

engine::Status checkFigure(const SettingSpec& spec, const QJsonValue& value) {
    const double figure = value.toDouble(std::nan(""));
    const bool isWhole = spec.kind != SettingKind::Whole || figure == std::floor(figure);
    if (isWhole && figure >= spec.least && figure <= spec.most)
        return {};
    const QString kind =
        textOf(spec.kind == SettingKind::Whole ? Expected::Whole : Expected::Number);
    return refused(spec, value, kind.arg(numberText(spec.least), numberText(spec.most)));
}

engine::Status checkText(const SettingSpec& spec, const QJsonValue& value) {
    if (!value.isString())
        return refused(spec, value, textOf(Expected::Text));
    const QString text = value.toString();
    if (text.size() > kLongestText)
        return refused(spec, value, textOf(Expected::ShorterText));
    if (spec.pattern.isEmpty())
        return {};
    const QRegularExpression pattern(QRegularExpression::anchoredPattern(spec.pattern));
    return pattern.match(text).hasMatch()
               ? engine::Status()
               : refused(spec, value, textOf(Expected::Described).arg(spec.expected));
}

engine::Status checkChoice(const SettingSpec& spec, const QJsonValue& value) {
    QStringList words;
    for (const SettingChoice& choice : spec.choices) {
        if (value.isString() && value.toString() == choice.word)
            return {};
        words.append(choice.word.isEmpty() ? QStringLiteral("\"\"") : choice.word);
    }
    return refused(spec, value, textOf(Expected::OneOf).arg(words.join(QStringLiteral(", "))));
}

} // namespace

QList<SettingSpec> settingSpecs() {
    return engineSettings() + chatSettings() + admissionSettings() + cacheSettings() +
           apiSettings() + downloadSettings() + desktopSettings();
}

QString sectionName(SettingSection section) {
    return Label::tr(nameOf(section).name);
}

QString sectionKey(SettingSection section) {
    return QString::fromLatin1(nameOf(section).key);
}

engine::Status check(const SettingSpec& spec, const QJsonValue& value) {
    switch (spec.kind) {
    case SettingKind::Switch:
        return value.isBool() ? engine::Status() : refused(spec, value, textOf(Expected::OnOrOff));
    case SettingKind::Whole:
    case SettingKind::Number:
        return checkFigure(spec, value);
    case SettingKind::Choice:
        return checkChoice(spec, value);
    case SettingKind::Texts:
        if (!value.isArray())
            return refused(spec, value, textOf(Expected::Texts));
        for (const QJsonValue& each : value.toArray())
            INGLENOOK_TRY(checkText(spec, each));
        return {};
    case SettingKind::Text:
    case SettingKind::Prose:
    case SettingKind::Model:
        break;
    }
    return checkText(spec, value);
}

QString valueText(const SettingSpec& spec, const QJsonValue& value) {
    if (value.isBool())
        return value.toBool() ? Label::tr("on") : Label::tr("off");
    if (value.isDouble()) {
        const double figure = value.toDouble();
        return figure == 0 && !spec.zeroText.isEmpty() ? spec.zeroText
                                                       : numberText(figure) + spec.unit;
    }
    if (value.isArray()) {
        QStringList lines;
        for (const QJsonValue& each : value.toArray())
            lines.append(each.toString());
        return lines.isEmpty() ? Label::tr("none") : lines.join(QStringLiteral(", "));
    }
    for (const SettingChoice& choice : spec.choices)
        if (choice.word == value.toString())
            return choice.text;
    return value.toString();
}

SettingsValues inRange(SettingsValues values) {
    for (const SettingSpec& spec : settingSpecs()) {
        const QJsonValue value = spec.read(values);
        if (check(spec, value).ok())
            continue;
        if (spec.kind == SettingKind::Whole)
            spec.write(values, std::clamp(value.toDouble(), spec.least, spec.most));
        else
            spec.write(values, spec.byDefault());
    }
    return values;
}

QJsonValue settingIn(const QJsonObject& json, const QString& id) {
    const QStringList path = id.split(QLatin1Char('.'));
    QJsonObject object = json;
    for (const QString& name : path.first(path.size() - 1))
        object = object.value(name).toObject();
    return object.value(path.last());
}

namespace {

void put(QJsonObject& object, const QStringList& path, const QJsonValue& value) {
    if (path.size() == 1) {
        object[path.first()] = value;
        return;
    }
    QJsonObject inner = object.value(path.first()).toObject();
    put(inner, path.mid(1), value);
    object[path.first()] = inner;
}

} // namespace

void putSettings(QJsonObject& into, const SettingsValues& values, const QList<SettingSpec>& specs) {
    for (const SettingSpec& spec : specs)
        put(into, spec.id.split(QLatin1Char('.')), spec.read(values));
}

QJsonArray describeSettings() {
    QJsonArray rows;
    for (const SettingSpec& spec : settingSpecs()) {
        QJsonObject row{{QStringLiteral("id"), spec.id},
                        {QStringLiteral("section"), sectionKey(spec.section)},
                        {QStringLiteral("kind"), kindName(spec.kind)},
                        {QStringLiteral("name"), spec.name},
                        {QStringLiteral("what"), spec.what},
                        {QStringLiteral("default"), spec.byDefault()},
                        {QStringLiteral("reloads_model"), spec.reloadsModel}};
        if (spec.kind == SettingKind::Whole || spec.kind == SettingKind::Number) {
            row[QStringLiteral("least")] = spec.least;
            row[QStringLiteral("most")] = spec.most;
        }
        QJsonArray words;
        for (const SettingChoice& choice : spec.choices)
            words.append(choice.word);
        if (!words.isEmpty())
            row[QStringLiteral("choices")] = words;
        rows.append(row);
    }
    return rows;
}

} // namespace app
