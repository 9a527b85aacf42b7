#include "ui/admin/settings_page.h"

#include "app/settings.h"
#include "ui/theme.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QLabel>
#include <QLineEdit>
#include <QScrollArea>
#include <QSpinBox>
#include <QVBoxLayout>

namespace ui {

namespace {

/// A combo box whose items carry the value that is stored.
template<typename Value>
QComboBox* makeCombo(const QList<QPair<QString, Value>>& items, const Value& current) {
    auto* combo = new QComboBox;
    for (const auto& [text, value] : items) {
        combo->addItem(text, QVariant::fromValue(value));
        if (value == current)
            combo->setCurrentIndex(combo->count() - 1);
    }
    return combo;
}

QDoubleSpinBox* makeNumber(double value, double low, double high, double step) {
    auto* box = new QDoubleSpinBox;
    box->setRange(low, high);
    box->setSingleStep(step);
    box->setDecimals(2);
    box->setValue(value);
    return box;
}

QSpinBox* makeCount(int value, int low, int high, const QString& zeroText) {
    auto* box = new QSpinBox;
    box->setRange(low, high);
    box->setGroupSeparatorShown(true);
    if (!zeroText.isEmpty())
        box->setSpecialValueText(zeroText);
    box->setValue(value);
    return box;
}

} // namespace

SettingsPage::SettingsPage(app::Settings& settings, const QString& dataDir, QWidget* parent)
    : QWidget(parent), m_settings(settings), m_search(new QLineEdit), m_rows(new QVBoxLayout) {
    m_search->setPlaceholderText(tr("Search settings"));
    m_search->setAccessibleName(tr("Search settings"));
    m_search->setClearButtonEnabled(true);
    connect(m_search, &QLineEdit::textChanged, this, &SettingsPage::filter);

    auto* title = new QLabel(tr("Settings"));
    title->setProperty("role", "display");
    auto* column = new QWidget;
    column->setMaximumWidth(760);
    m_rows->setContentsMargins(space::kWide, space::kWide, space::kWide, space::kWide);
    m_rows->setSpacing(0);
    m_rows->addWidget(title);
    m_rows->addSpacing(space::kMedium);
    m_rows->addWidget(m_search);
    column->setLayout(m_rows);
    addAppearance();
    addChat();
    addModel();
    addSampling();
    addData(dataDir);
    m_rows->addStretch(1);

    auto* centre = new QWidget;
    auto* centreLayout = new QHBoxLayout(centre);
    centreLayout->setContentsMargins(0, 0, 0, 0);
    centreLayout->addStretch(1);
    centreLayout->addWidget(column, 20);
    centreLayout->addStretch(1);
    auto* scroll = new QScrollArea;
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setWidgetResizable(true);
    scroll->setWidget(centre);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(scroll);
}

template<typename Change>
void SettingsPage::change(Change&& change) {
    app::SettingsValues values = m_settings.values();
    change(values);
    m_settings.set(values);
}

void SettingsPage::addSection(const QString& title) {
    auto* label = new QLabel(title);
    label->setProperty("role", "title");
    label->setContentsMargins(0, space::kWide, 0, space::kHair);
    m_rows->addWidget(label);
    m_all.append({label, title, true});
}

void SettingsPage::addRow(const QString& name, const QString& what, QWidget* control) {
    auto* row = new QWidget;
    auto* outer = new QVBoxLayout(row);
    outer->setContentsMargins(0, 0, 0, 0);
    outer->setSpacing(0);
    auto* line = new QFrame;
    line->setProperty("role", "hairline");
    outer->addWidget(line);
    auto* nameLabel = new QLabel(name);
    auto* whatLabel = new QLabel(what);
    whatLabel->setProperty("role", "muted");
    whatLabel->setWordWrap(true);
    nameLabel->setBuddy(control);
    control->setAccessibleName(name);
    control->setAccessibleDescription(what);
    control->setMinimumWidth(control->inherits("QLabel") || control->inherits("QCheckBox") ? 0
                                                                                           : 180);
    auto* texts = new QVBoxLayout;
    texts->setSpacing(2);
    texts->addWidget(nameLabel);
    texts->addWidget(whatLabel);
    auto* content = new QHBoxLayout;
    content->setContentsMargins(0, space::kMedium, 0, space::kMedium);
    content->setSpacing(space::kWide);
    content->addLayout(texts, 1);
    content->addWidget(control, 0, Qt::AlignRight | Qt::AlignVCenter);
    outer->addLayout(content);
    m_rows->addWidget(row);
    m_all.append({row, name + QLatin1Char(' ') + what, false});
}

void SettingsPage::addAppearance() {
    const app::SettingsValues& now = m_settings.values();
    addSection(tr("Appearance"));
    auto* language = makeCombo<QString>({{tr("As the system"), QString()},
                                         {QStringLiteral("English"), QStringLiteral("en")},
                                         {QStringLiteral("简体中文"), QStringLiteral("zh_CN")}},
                                        now.language);
    connect(language, &QComboBox::currentIndexChanged, this, [this, language] {
        change([&](app::SettingsValues& values) {
            values.language = language->currentData().toString();
        });
    });
    addRow(tr("Language"), tr("Of the program; models answer in the language you write."),
           language);

    auto* theme = makeCombo<int>({{tr("As the system"), int(app::ThemeChoice::System)},
                                  {tr("Light"), int(app::ThemeChoice::Light)},
                                  {tr("Dark"), int(app::ThemeChoice::Dark)}},
                                 int(now.theme));
    connect(theme, &QComboBox::currentIndexChanged, this, [this, theme] {
        change([&](app::SettingsValues& values) {
            values.theme = app::ThemeChoice(theme->currentData().toInt());
        });
    });
    connect(&m_settings, &app::Settings::changed, theme,
            [theme](const app::SettingsValues& values) {
                theme->setCurrentIndex(theme->findData(int(values.theme)));
            });
    addRow(tr("Theme"), tr("Light, dark, or whatever the desktop asks for."), theme);

    auto* zoom = makeCount(now.fontZoom, 50, 200, {});
    zoom->setSuffix(QStringLiteral(" %"));
    zoom->setSingleStep(10);
    connect(zoom, &QSpinBox::valueChanged, this, [this](int percent) {
        change([&](app::SettingsValues& values) { values.fontZoom = percent; });
    });
    connect(&m_settings, &app::Settings::changed, zoom,
            [zoom](const app::SettingsValues& values) { zoom->setValue(values.fontZoom); });
    addRow(tr("Text size"), tr("Also Ctrl + and Ctrl − anywhere."), zoom);
}

void SettingsPage::addChat() {
    const app::SettingsValues& now = m_settings.values();
    addSection(tr("Chat"));
    auto* send = makeCombo<int>(
        {{tr("Enter"), int(app::SendKey::Enter)}, {tr("Ctrl+Enter"), int(app::SendKey::CtrlEnter)}},
        int(now.sendKey));
    connect(send, &QComboBox::currentIndexChanged, this, [this, send] {
        change([&](app::SettingsValues& values) {
            values.sendKey = app::SendKey(send->currentData().toInt());
        });
    });
    addRow(tr("Send with"), tr("The other one makes a new line, and so does Shift+Enter."), send);

    auto* expand = new QCheckBox;
    expand->setChecked(now.expandReasoning);
    connect(expand, &QCheckBox::toggled, this, [this](bool on) {
        change([&](app::SettingsValues& values) { values.expandReasoning = on; });
    });
    addRow(tr("Show thinking"), tr("Keep the reasoning of a model unfolded when it has ended."),
           expand);
}

void SettingsPage::addModel() {
    const app::SettingsValues& now = m_settings.values();
    addSection(tr("Model"));
    auto* autoload = new QCheckBox;
    autoload->setChecked(now.autoloadModel);
    connect(autoload, &QCheckBox::toggled, this, [this](bool on) {
        change([&](app::SettingsValues& values) { values.autoloadModel = on; });
    });
    addRow(tr("Load the last model at the start"),
           tr("In the background; the window is there at once."), autoload);

    const auto formatCombo = [this](const QList<QPair<QString, QString>>& items,
                                    QString app::SettingsValues::*field) {
        auto* combo = makeCombo<QString>(items, m_settings.values().*field);
        connect(combo, &QComboBox::currentIndexChanged, this, [this, combo, field] {
            change([&](app::SettingsValues& values) {
                values.*field = combo->currentData().toString();
            });
        });
        return combo;
    };
    const QPair<QString, QString> automatic{tr("Automatic"), QString()};
    const QPair<QString, QString> f32{QStringLiteral("F32"), QStringLiteral("f32")};
    const QPair<QString, QString> bf16{QStringLiteral("BF16"), QStringLiteral("bf16")};
    const QPair<QString, QString> int8{QStringLiteral("INT8"), QStringLiteral("int8")};
    const QPair<QString, QString> int4{QStringLiteral("INT4"), QStringLiteral("int4")};
    addRow(tr("Weights"),
           tr("Fewer bits: less memory, faster, a little less exact. Used at the next load."),
           formatCombo({automatic, int4, int8, bf16, f32}, &app::SettingsValues::weights));
    addRow(tr("Activations"),
           tr("What is computed with between the weights. Used at the next load."),
           formatCombo({automatic, int8, bf16, f32}, &app::SettingsValues::activations));
    addRow(tr("KV cache"),
           tr("What the model remembers of a chat; INT8 holds twice as much as BF16. Used at the "
              "next load."),
           formatCombo({automatic, int8, bf16, f32}, &app::SettingsValues::kv));
    auto* context = makeCount(now.contextTokens, 0, 1'048'576, tr("As the model allows"));
    context->setSingleStep(1024);
    connect(context, &QSpinBox::valueChanged, this, [this](int tokens) {
        change([&](app::SettingsValues& values) { values.contextTokens = tokens; });
    });
    addRow(tr("Context"),
           tr("Tokens a chat can hold; more takes more memory. Used at the next load."), context);
}

void SettingsPage::addSampling() {
    addSection(tr("Answers"));
    auto* own = new QCheckBox;
    own->setChecked(m_settings.values().samplingOverridden);
    connect(own, &QCheckBox::toggled, this, [this](bool on) {
        change([&](app::SettingsValues& values) { values.samplingOverridden = on; });
    });
    addRow(tr("Use my own values"), tr("Otherwise the ones the model's makers publish."), own);
    const auto number = [&](const QString& name, const QString& what, double low, double high,
                            double step, double app::SamplingValues::*field) {
        QDoubleSpinBox* box = makeNumber(m_settings.values().sampling.*field, low, high, step);
        box->setEnabled(own->isChecked());
        connect(own, &QCheckBox::toggled, box, &QWidget::setEnabled);
        connect(box, &QDoubleSpinBox::valueChanged, this, [this, field](double value) {
            change([&](app::SettingsValues& values) { values.sampling.*field = value; });
        });
        addRow(name, what, box);
    };
    using Sampling = app::SamplingValues;
    number(tr("Temperature"), tr("0 always takes the likeliest token; higher is more varied."), 0,
           2, 0.05, &Sampling::temperature);
    number(tr("Top-p"), tr("Only the likeliest tokens that together have this probability."), 0.01,
           1, 0.05, &Sampling::topP);
    number(tr("Min-p"),
           tr("Only tokens at least this likely compared with the best one. 0 is off."), 0, 1, 0.01,
           &Sampling::minP);
    number(tr("Repetition penalty"), tr("Above 1 makes tokens that were already used less likely."),
           0.5, 2, 0.05, &Sampling::repetitionPenalty);
    const auto count = [&](const QString& name, const QString& what, int high, const QString& zero,
                           int app::SamplingValues::*field) {
        QSpinBox* box = makeCount(m_settings.values().sampling.*field, 0, high, zero);
        connect(box, &QSpinBox::valueChanged, this, [this, field](int value) {
            change([&](app::SettingsValues& values) { values.sampling.*field = value; });
        });
        addRow(name, what, box);
    };
    count(tr("Longest answer"), tr("Tokens, thinking included."), 1'000'000,
          tr("As the context allows"), &Sampling::maxTokens);
    count(tr("Thinking budget"), tr("After so many tokens of thinking the answer begins."),
          1'000'000, tr("No limit"), &Sampling::thinkingBudget);
}

void SettingsPage::addData(const QString& dataDir) {
    addSection(tr("Your data"));
    auto* folder = new QLabel(dataDir);
    folder->setTextFormat(Qt::PlainText);
    folder->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    addRow(tr("Data folder"), tr("Chats, settings and logs. Choose another one with --data-dir."),
           folder);
    auto* offline = new QLabel(tr("none"));
    addRow(tr("Connections to the internet"),
           tr("This version opens none: no telemetry, no update check, no downloads."), offline);
}

void SettingsPage::filter(const QString& text) {
    const QString needle = text.trimmed();
    QWidget* heading = nullptr;
    bool any = false;
    for (const Row& row : m_all) {
        if (row.isHeading) {
            if (heading != nullptr)
                heading->setVisible(any);
            heading = row.widget;
            any = false;
            continue;
        }
        const bool shown = needle.isEmpty() || row.words.contains(needle, Qt::CaseInsensitive);
        row.widget->setVisible(shown);
        any = any || shown;
    }
    if (heading != nullptr)
        heading->setVisible(any);
}

} // namespace ui
