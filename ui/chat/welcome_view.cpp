#include "ui/chat/welcome_view.h"

#include "app/paths.h"
#include "ui/icons.h"
#include "ui/theme.h"

#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QLabel>
#include <QLocale>
#include <QPushButton>
#include <QVBoxLayout>

namespace ui {

QStringList welcomeQuestions() {
    QFile file(app::sharedDataDir() + QStringLiteral("/models/ember/welcome.json"));
    QStringList questions;
    if (file.open(QIODevice::ReadOnly)) {
        const QJsonObject all = QJsonDocument::fromJson(file.readAll()).object();
        const bool chinese = QLocale().language() == QLocale::Chinese;
        const QString language = chinese ? QStringLiteral("zh") : QStringLiteral("en");
        const QJsonArray array =
            all.value(language).toObject().value(QStringLiteral("questions")).toArray();
        for (const QJsonValue& value : array)
            questions.append(value.toString());
    }
    return questions.mid(0, 3);
}

WelcomeView::WelcomeView(Theme& theme, QWidget* parent)
    : QWidget(parent),
      m_theme(theme),
      m_mark(new QLabel),
      m_title(new QLabel),
      m_line(new QLabel),
      m_questions(new QWidget),
      m_add(new QPushButton) {
    m_title->setProperty("role", "display");
    m_title->setAlignment(Qt::AlignHCenter);
    m_mark->setAlignment(Qt::AlignHCenter);
    m_line->setProperty("role", "muted");
    m_line->setAlignment(Qt::AlignHCenter);
    m_line->setWordWrap(true);
    m_line->setTextFormat(Qt::PlainText);
    m_title->setTextFormat(Qt::PlainText);

    auto* questions = new QVBoxLayout(m_questions);
    questions->setContentsMargins(0, 0, 0, 0);
    questions->setSpacing(space::kSmall);
    for (const QString& question : welcomeQuestions()) {
        auto* button = new QPushButton(question);
        button->setProperty("role", "suggestion");
        connect(button, &QPushButton::clicked, this,
                [this, question] { emit questionChosen(question); });
        questions->addWidget(button);
    }
    m_add->setObjectName(QStringLiteral("welcome-add"));
    m_add->setProperty("role", "link");
    connect(m_add, &QPushButton::clicked, this, &WelcomeView::addModelRequested);

    auto* column = new QVBoxLayout;
    column->setSpacing(space::kMedium);
    column->addWidget(m_mark);
    column->addWidget(m_title);
    column->addWidget(m_line);
    column->addSpacing(space::kSmall);
    column->addWidget(m_questions);
    column->addWidget(m_add, 0, Qt::AlignHCenter);
    auto* frame = new QWidget;
    frame->setMaximumWidth(520);
    frame->setLayout(column);
    auto* layout = new QVBoxLayout(this);
    layout->addStretch(2);
    auto* centre = new QHBoxLayout;
    centre->addStretch(1);
    centre->addWidget(frame, 10);
    centre->addStretch(1);
    layout->addLayout(centre);
    layout->addStretch(3);
    connect(&m_theme, &Theme::changed, this, &WelcomeView::updateColors);
    updateColors();
    setModel({}, false, false);
}

void WelcomeView::setModel(const QString& name, bool isBuiltIn, bool hasModel) {
    const bool isEmber = hasModel && isBuiltIn;
    m_questions->setVisible(isEmber);
    m_add->setText(isEmber ? tr("Add a real model…") : tr("Add a model…"));
    if (!hasModel) {
        m_title->setText(tr("Welcome to Inglenook"));
        m_line->setText(tr("Choose a model, or add one. Everything stays on this computer."));
    } else if (isBuiltIn) {
        m_title->setText(tr("Hello, I am Ember"));
        m_line->setText(tr("A small guide to Inglenook that is built in. Ask me how things work "
                           "here, or add a real model for everything else."));
    } else {
        m_title->setText(tr("What is on your mind?"));
        m_line->setText(tr("%1 is ready. Everything stays on this computer.").arg(name));
    }
}

void WelcomeView::updateColors() {
    m_mark->setPixmap(
        iconPixmap(QStringLiteral("flame"), m_theme.palette().accent, 40, devicePixelRatioF()));
}

} // namespace ui
