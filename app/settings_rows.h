#pragma once
// What the tables of settings are written with: row(id, at(&SettingsValues::x), name, what) and
// calls that fill in the rest. Part of settings_table.

#include "app/settings_table.h"

#include <algorithm>
#include <array>
#include <QCoreApplication>
#include <type_traits>
#include <utility>

namespace app {

/// A tr() for the texts of the table that lupdate understands.
struct Label {
    Q_DECLARE_TR_FUNCTIONS(app::Label)
};

// The words of each enumeration, in its order.
constexpr std::array<const char*, 3> wordsOf(ThemeChoice) {
    return {"system", "light", "dark"};
}
constexpr std::array<const char*, 2> wordsOf(SendKey) {
    return {"enter", "ctrl_enter"};
}
constexpr std::array<const char*, 3> wordsOf(OverflowChoice) {
    return {"stop", "roll", "drop_middle"};
}
constexpr std::array<const char*, 3> wordsOf(ResponseUse) {
    return {"never", "repeatable", "always"};
}

template<typename T>
QJsonValue toJsonValue(const T& value) {
    if constexpr (std::is_enum_v<T>)
        return QString::fromLatin1(wordsOf(value)[std::size_t(value)]);
    else if constexpr (std::is_same_v<T, QStringList>)
        return QJsonArray::fromStringList(value);
    else if constexpr (std::is_same_v<T, quint64>)
        return qint64(value);
    else
        return value;
}

template<typename T>
void fromJsonValue(const QJsonValue& json, T& value) {
    if constexpr (std::is_enum_v<T>) {
        const auto words = wordsOf(value);
        const auto word = std::find(words.begin(), words.end(), json.toString());
        if (word != words.end())
            value = T(word - words.begin());
    } else if constexpr (std::is_same_v<T, bool>) {
        value = json.toBool(value);
    } else if constexpr (std::is_same_v<T, int>) {
        value = json.toInt(value);
    } else if constexpr (std::is_same_v<T, double>) {
        value = json.toDouble(value);
    } else if constexpr (std::is_same_v<T, quint64>) {
        value = quint64(std::max<qint64>(json.toInteger(qint64(value)), 0));
    } else if constexpr (std::is_same_v<T, QString>) {
        value = json.toString(value);
    } else if (json.isArray()) {
        value.clear();
        for (const QJsonValue& each : json.toArray())
            if (each.isString())
                value.append(each.toString());
    }
}

/// A place in SettingsValues: at(&SettingsValues::sampling, &SamplingValues::topP).
template<typename... Path>
class SettingPlace {
  public:
    using Type = std::remove_reference_t<decltype((std::declval<SettingsValues&>().*....*
                                                   std::declval<Path>()))>;

    explicit SettingPlace(Path... path) : m_path(path...) {}
    QJsonValue read(const SettingsValues& values) const {
        return std::apply([&](auto... path) { return toJsonValue((values.*....*path)); }, m_path);
    }
    void write(SettingsValues& values, const QJsonValue& json) const {
        std::apply([&](auto... path) { fromJsonValue(json, (values.*....*path)); }, m_path);
    }

  private:
    std::tuple<Path...> m_path;
};

template<typename... Path>
SettingPlace<Path...> at(Path... path) {
    return SettingPlace<Path...>(path...);
}

template<typename T>
constexpr SettingKind kindOf() {
    if constexpr (std::is_same_v<T, bool>)
        return SettingKind::Switch;
    else if constexpr (std::is_same_v<T, double>)
        return SettingKind::Number;
    else if constexpr (std::is_same_v<T, int> || std::is_same_v<T, quint64>)
        return SettingKind::Whole;
    else if constexpr (std::is_same_v<T, QStringList>)
        return SettingKind::Texts;
    else
        return std::is_enum_v<T> ? SettingKind::Choice : SettingKind::Text;
}

/// A row in the making.
class SettingRow {
  public:
    explicit SettingRow(SettingSpec spec) : m_spec(std::move(spec)) {}
    operator SettingSpec() const { return m_spec; } // NOLINT: a list of rows is a list of specs

    SettingRow& reloads() { return set(m_spec.reloadsModel, true); }
    SettingRow& range(double least, double most, double step = 1) {
        m_spec.least = least;
        m_spec.most = most;
        return set(m_spec.step, step);
    }
    SettingRow& unit(const QString& text) { return set(m_spec.unit, QLatin1Char(' ') + text); }
    SettingRow& zero(const QString& text) { return set(m_spec.zeroText, text); }
    SettingRow& kind(SettingKind kind) { return set(m_spec.kind, kind); }
    SettingRow& needs(const char* id) { return set(m_spec.needs, QString::fromLatin1(id)); }
    SettingRow& matching(const char* pattern, const QString& expected) {
        m_spec.expected = expected;
        return set(m_spec.pattern, QString::fromLatin1(pattern));
    }
    SettingRow& choices(const QList<SettingChoice>& choices) {
        m_spec.kind = SettingKind::Choice;
        return set(m_spec.choices, choices);
    }

  private:
    template<typename T>
    SettingRow& set(T& field, const T& value) {
        field = value;
        return *this;
    }
    SettingSpec m_spec;
};

template<typename... Path>
SettingRow row(const char* id, SettingSection section, const SettingPlace<Path...>& place,
               const QString& name, const QString& what) {
    SettingSpec spec;
    spec.id = QString::fromLatin1(id);
    spec.section = section;
    spec.kind = kindOf<typename SettingPlace<Path...>::Type>();
    spec.name = name;
    spec.what = what;
    spec.read = [place](const SettingsValues& values) { return place.read(values); };
    spec.write = [place](SettingsValues& values, const QJsonValue& json) {
        place.write(values, json);
    };
    return SettingRow(std::move(spec));
}

inline SettingChoice choice(const char* word, const QString& text) {
    return {QString::fromLatin1(word), text};
}
/// The words of an enumeration with their texts, in its order.
template<typename Enum>
QList<SettingChoice> choicesOf(const QStringList& texts) {
    QList<SettingChoice> choices;
    for (const char* word : wordsOf(Enum()))
        choices.append(choice(word, texts.value(choices.size())));
    return choices;
}

// The parts of the table, a file each.
QList<SettingSpec> engineSettings();
QList<SettingSpec> chatSettings();
QList<SettingSpec> admissionSettings();
QList<SettingSpec> cacheSettings();
QList<SettingSpec> apiSettings();
QList<SettingSpec> downloadSettings();
QList<SettingSpec> desktopSettings(); // history, appearance, language

} // namespace app
