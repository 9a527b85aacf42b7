#include "ui/admin/model_overview.h"

#include "ui/admin/model_defaults_editor.h"
#include "ui/text_format.h"
#include "ui/theme.h"
#include "ui/widgets/elided_label.h"

#include <algorithm>
#include <QClipboard>
#include <QEvent>
#include <QGridLayout>
#include <QGuiApplication>
#include <QLabel>
#include <QLocale>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QScrollBar>
#include <QTimer>

namespace ui {

namespace {

constexpr int kNoteDelay_ms = 800; // after the last key
constexpr int kNoteLines = 4;

QString familyText(const app::ModelCard& card) {
    return card.family.isEmpty() ? ModelOverview::tr("not known") : card.family;
}

QString baseText(const app::ModelCard& card) {
    if (card.baseModel.isEmpty())
        return ModelOverview::tr("not stated");
    return card.isDistilled
               ? ModelOverview::tr("%1, distilled from DeepSeek-R1").arg(card.baseModel)
               : card.baseModel;
}

QString samplingText(const app::ModelCard& card) {
    QString values = ModelOverview::tr("temperature %1, top-p %2")
                         .arg(card.published.temperature)
                         .arg(card.published.topP);
    if (card.published.topK > 0)
        values += ModelOverview::tr(", top-k %1").arg(card.published.topK);
    switch (card.samplingSource) {
    case app::SamplingSource::Publisher:
        return ModelOverview::tr("%1 (as its publisher states)").arg(values);
    case app::SamplingSource::DeepSeek:
        return ModelOverview::tr("%1, no system prompt (as DeepSeek recommends)").arg(values);
    case app::SamplingSource::Ours:
        break;
    }
    return ModelOverview::tr("%1 (ours: its publisher states none)").arg(values);
}

/// Of a model that is one file; empty while it is not known.
QString hashOf(const app::ModelCard& card) {
    return card.files.size() == 1 ? card.files.first().sha256 : QString();
}

/// What stands where there is no one hash.
QString hashText(const app::ModelCard& card, bool isHashing) {
    int known = 0;
    for (const app::ModelFile& file : card.files)
        known += file.sha256.isEmpty() ? 0 : 1;
    if (card.files.size() == 1)
        return isHashing ? ModelOverview::tr("being computed") : ModelOverview::tr("not known");
    return ModelOverview::tr("of %1 of %2 files, see Files").arg(known).arg(card.files.size());
}

} // namespace

ModelOverview::ModelOverview(app::LibraryController& library, QWidget* parent)
    : QScrollArea(parent),
      m_library(library),
      m_facts(new QGridLayout),
      m_hash(new ElidedLabel(Qt::ElideMiddle)),
      m_copyHash(new QPushButton(tr("Copy"))),
      m_defaults(new ModelDefaultsEditor(library)),
      m_note(new QPlainTextEdit),
      m_noteTimer(new QTimer(this)) {
    setFrameShape(QFrame::NoFrame);
    setWidgetResizable(true);
    auto* content = new QWidget;
    auto* column = new QVBoxLayout(content);
    column->setContentsMargins(0, space::kMedium, space::kSmall, space::kLarge);
    column->setSpacing(space::kMedium);
    m_facts->setHorizontalSpacing(space::kWide);
    m_facts->setVerticalSpacing(space::kSmall);
    m_facts->setColumnStretch(1, 1);
    m_family = addFact(tr("Family"));
    m_base = addFact(tr("Made from"));
    m_network = addFact(tr("Network"));
    m_parameters = addFact(tr("Parameters"));
    m_format = addFact(tr("Format"));
    m_context = addFact(tr("Context"));
    m_sampling = addFact(tr("Sampling"));
    m_licence = addFact(tr("Licence"));
    m_size = addFact(tr("Size"));
    m_place = addFact(tr("Place"));
    m_command = addFact(tr("Command line"));
    addHash();
    column->addLayout(m_facts);
    column->addSpacing(space::kMedium);
    column->addWidget(m_defaults);
    column->addSpacing(space::kMedium);

    auto* noteTitle = new QLabel(tr("Your note"));
    noteTitle->setProperty("role", "title");
    noteTitle->setBuddy(m_note);
    m_note->setAccessibleName(tr("Your note"));
    m_note->setObjectName(QStringLiteral("model-note"));
    m_note->setPlaceholderText(tr("What it is good for, where it came from …"));
    m_note->setTabChangesFocus(true);
    m_note->setMaximumHeight(kNoteLines * fontMetrics().lineSpacing() + 2 * space::kMedium);
    column->addWidget(noteTitle);
    column->addWidget(m_note);
    column->addStretch(1);
    setWidget(content);

    m_noteTimer->setSingleShot(true);
    m_noteTimer->setInterval(kNoteDelay_ms);
    connect(m_noteTimer, &QTimer::timeout, this, &ModelOverview::keepNote);
    connect(m_note, &QPlainTextEdit::textChanged, m_noteTimer, qOverload<>(&QTimer::start));
}

ModelOverview::~ModelOverview() {
    if (m_noteTimer->isActive())
        keepNote();
}

void ModelOverview::showEvent(QShowEvent* event) {
    QScrollArea::showEvent(event);
    alignNames();
}

void ModelOverview::changeEvent(QEvent* event) {
    QScrollArea::changeEvent(event);
    if (event->type() == QEvent::StyleChange) // text of another size, once all have it
        QMetaObject::invokeMethod(this, &ModelOverview::alignNames, Qt::QueuedConnection);
}

void ModelOverview::alignNames() {
    const QList<QLabel*> names = m_names + m_defaults->names();
    int width = 0;
    for (QLabel* name : names) {
        name->ensurePolished();
        width = std::max(width, name->sizeHint().width());
    }
    for (QLabel* name : names)
        name->setMinimumWidth(width);
}

void ModelOverview::addRow(const QString& name, QWidget* value, Qt::Alignment nameAt) {
    const int row = m_facts->rowCount();
    auto* title = new QLabel(name);
    title->setProperty("role", "muted");
    m_names.append(title);
    m_facts->addWidget(title, row, 0, nameAt);
    m_facts->addWidget(value, row, 1);
}

QLabel* ModelOverview::addFact(const QString& name) {
    auto* value = new QLabel;
    value->setTextFormat(Qt::PlainText);
    value->setWordWrap(true);
    value->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    value->setAccessibleName(name);
    value->setFocusPolicy(Qt::ClickFocus);
    addRow(name, value, Qt::AlignTop);
    return value;
}

/// A hash has no place where a line could end: it gives way in its middle.
void ModelOverview::addHash() {
    m_hash->setObjectName(QStringLiteral("model-hash"));
    m_hash->setAccessibleName(tr("SHA-256"));
    m_hash->setSizePolicy(QSizePolicy::Maximum, QSizePolicy::Preferred);
    m_hash->setMinimumWidth(fontMetrics().horizontalAdvance(QStringLiteral("01234567…01234567")));
    m_copyHash->setObjectName(QStringLiteral("model-copy-hash"));
    m_copyHash->setProperty("role", "link");
    m_copyHash->setAccessibleName(tr("Copy the SHA-256"));
    connect(m_copyHash, &QPushButton::clicked, this,
            [this] { QGuiApplication::clipboard()->setText(m_hash->text()); });
    auto* value = new QWidget;
    auto* row = new QHBoxLayout(value);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(space::kMedium);
    row->addWidget(m_hash);
    row->addWidget(m_copyHash);
    row->addStretch(1);
    addRow(tr("SHA-256"), value, Qt::AlignVCenter);
}

void ModelOverview::show(const app::ModelCard& card) {
    if (m_path != card.path) {
        if (m_noteTimer->isActive())
            keepNote();
        m_path = card.path;
        const QSignalBlocker quiet(m_note);
        m_note->setPlainText(card.marks.note);
        verticalScrollBar()->setValue(0);
    }
    m_defaults->show(card);
    const QLocale locale;
    m_family->setText(familyText(card));
    m_base->setText(baseText(card));
    m_network->setText(tr("%1 · %2 layers of width %3 · %4 heads, %5 for keys and values")
                           .arg(card.architecture)
                           .arg(card.layers)
                           .arg(card.hiddenSize)
                           .arg(card.heads)
                           .arg(card.kvHeads));
    m_parameters->setText(locale.toString(card.parameters));
    m_format->setText(QStringLiteral("%1 · %2").arg(card.format, card.fileType));
    m_context->setText(tr("%1 tokens").arg(locale.toString(card.contextTokens)));
    m_sampling->setText(samplingText(card));
    m_licence->setText(card.licence.isEmpty() ? tr("not stated in the files") : card.licence);
    m_size->setText(bytesText(card.bytes()));
    m_place->setText(card.path);
    m_command->setText(QStringLiteral("inglenook chat --model %1").arg(card.id));
    const QString hash = hashOf(card);
    m_hash->setText(hash.isEmpty() ? hashText(card, m_library.isHashing(card)) : hash);
    m_copyHash->setVisible(!hash.isEmpty());
}

void ModelOverview::keepNote() {
    m_noteTimer->stop();
    const QString path = m_path; // keeping it shows the card anew
    m_library.setNote(path, m_note->toPlainText().trimmed());
}

} // namespace ui
