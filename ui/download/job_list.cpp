#include "ui/download/job_list.h"

#include "app/download/download_controller.h"
#include "ui/download/download_text.h"
#include "ui/icons.h"
#include "ui/text/visible_escapes.h"
#include "ui/theme.h"

#include <QLabel>
#include <QProgressBar>
#include <QPushButton>
#include <QScrollArea>
#include <QStyle>
#include <QToolButton>
#include <QVBoxLayout>

namespace ui {

namespace {

constexpr int kProgressSteps = 1000;
constexpr int kRoom_px = 96; // one job whose sentence takes two lines
constexpr int kIcon_px = 16;

} // namespace

/// One download.
class JobRow : public QWidget {
    Q_OBJECT

  public:
    explicit JobRow(Theme& theme)
        : m_theme(theme),
          m_name(new QLabel),
          m_text(new QLabel),
          m_bar(new QProgressBar),
          m_go(new QPushButton),
          m_up(makeTool(QStringLiteral("arrow-up"), tr("Earlier"))),
          m_down(makeTool(QStringLiteral("arrow-down"), tr("Later"))),
          m_cancel(makeTool(QStringLiteral("close"), tr("Remove"))) {
        m_name->setTextFormat(Qt::PlainText);
        m_text->setTextFormat(Qt::PlainText);
        m_text->setWordWrap(true);
        m_text->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
        m_text->setObjectName(QStringLiteral("job-text"));
        m_go->setObjectName(QStringLiteral("job-go"));
        m_cancel->setObjectName(QStringLiteral("job-cancel"));
        m_bar->setRange(0, kProgressSteps);
        m_bar->setTextVisible(false);
        auto* texts = new QVBoxLayout;
        texts->setSpacing(space::kHair);
        texts->addWidget(m_name);
        texts->addWidget(m_bar);
        texts->addWidget(m_text);
        auto* row = new QHBoxLayout(this);
        row->setContentsMargins(0, space::kSmall, 0, space::kSmall);
        row->setSpacing(space::kSmall);
        row->addLayout(texts, 1);
        row->addSpacing(space::kMedium);
        row->addWidget(m_go);
        row->addWidget(m_up);
        row->addWidget(m_down);
        row->addWidget(m_cancel);
        connect(m_go, &QPushButton::clicked, this, [this] { emit goWanted(m_job); });
        connect(m_up, &QToolButton::clicked, this, [this] { emit moveWanted(m_job.id, -1); });
        connect(m_down, &QToolButton::clicked, this, [this] { emit moveWanted(m_job.id, 1); });
        connect(m_cancel, &QToolButton::clicked, this, [this] { emit cancelWanted(m_job.id); });
        connect(&m_theme, &Theme::changed, this, &JobRow::tint);
        tint();
    }

    void show(const app::DownloadJob& job, bool isFirst, bool isLast) {
        m_job = job;
        const QString name = visibleEscapes(job.repository, EscapeScope::Strict);
        m_name->setText(job.label.isEmpty() ? name
                                            : QStringLiteral("%1 · %2").arg(name, job.label));
        m_text->setText(jobText(job));
        setRole(job.state == app::JobState::Failed ? "problem" : "muted");
        const bool isDone = job.state == app::JobState::Done;
        m_bar->setVisible(!isDone);
        m_bar->setAccessibleName(tr("Progress of %1").arg(m_name->text()));
        m_bar->setValue(job.total_bytes <= 0 ? 0
                                             : int(double(job.done_bytes) /
                                                   double(job.total_bytes) * kProgressSteps));
        m_go->setText(isDone                               ? tr("Load")
                      : job.state == app::JobState::Failed ? tr("Try again")
                      : job.state == app::JobState::Paused ? tr("Resume")
                                                           : tr("Pause"));
        m_go->setAccessibleName(QStringLiteral("%1: %2").arg(m_go->text(), m_name->text()));
        for (QToolButton* button : {m_up, m_down, m_cancel})
            button->setAccessibleName(
                QStringLiteral("%1: %2").arg(button->property("says").toString(), m_name->text()));
        m_up->setVisible(!isDone);
        m_down->setVisible(!isDone);
        m_up->setEnabled(!isFirst);
        m_down->setEnabled(!isLast);
        m_cancel->setToolTip(isDone ? tr("Take it off the list; the files stay")
                                    : tr("Cancel, and delete what has come"));
        QWidget::show();
    }
    using QWidget::show;

  signals:
    void goWanted(const app::DownloadJob& job);
    void moveWanted(quint64 id, int by);
    void cancelWanted(quint64 id);

  private:
    QToolButton* makeTool(const QString& iconName, const QString& name) {
        auto* button = new QToolButton;
        button->setProperty("icon-name", iconName);
        button->setToolTip(name);
        button->setProperty("says", name);
        button->setIconSize({kIcon_px, kIcon_px});
        return button;
    }
    /// The style sheet looks at a role once, when it is told.
    void setRole(const char* role) {
        if (m_text->property("role").toString() == QLatin1String(role))
            return;
        m_text->setProperty("role", QLatin1String(role));
        m_text->style()->polish(m_text);
    }
    void tint() {
        for (QToolButton* button : {m_up, m_down, m_cancel})
            button->setIcon(icon(button->property("icon-name").toString(), m_theme.palette().text));
    }

    Theme& m_theme;
    app::DownloadJob m_job;
    QLabel* m_name;
    QLabel* m_text;
    QProgressBar* m_bar;
    QPushButton* m_go;
    QToolButton* m_up;
    QToolButton* m_down;
    QToolButton* m_cancel;
};

JobList::JobList(app::DownloadController& downloads, Theme& theme, QWidget* parent)
    : QWidget(parent),
      m_downloads(downloads),
      m_theme(theme),
      m_title(new QLabel(tr("Downloads"))),
      m_clear(new QPushButton(tr("Take off what is complete"))),
      m_column(new QVBoxLayout) {
    m_title->setProperty("role", "title");
    m_clear->setProperty("role", "link");
    auto* head = new QHBoxLayout;
    head->addWidget(m_title);
    head->addStretch(1);
    head->addWidget(m_clear);
    auto* rows = new QWidget;
    m_column->setContentsMargins(0, 0, 0, 0);
    m_column->setSpacing(0);
    m_column->addStretch(1);
    rows->setLayout(m_column);
    auto* scroll = new QScrollArea;
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setWidgetResizable(true);
    scroll->setFocusPolicy(Qt::NoFocus);
    scroll->setMinimumHeight(kRoom_px);
    scroll->setWidget(rows);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(space::kWide, space::kMedium, space::kWide, space::kMedium);
    column->setSpacing(space::kSmall);
    column->addLayout(head);
    column->addWidget(scroll, 1);
    connect(m_clear, &QPushButton::clicked, &m_downloads, &app::DownloadController::clearDone);
    connect(&m_downloads, &app::DownloadController::jobsChanged, this, &JobList::show);
    show(m_downloads.jobs());
}

void JobList::show(const QList<app::DownloadJob>& jobs) {
    QMap<quint64, JobRow*> left = std::exchange(m_rows, {});
    bool isAnyDone = false;
    for (int i = 0; i < jobs.size(); ++i) {
        const app::DownloadJob& job = jobs.at(i);
        JobRow* row = left.take(job.id);
        if (row == nullptr) {
            row = new JobRow(m_theme);
            connect(row, &JobRow::moveWanted, &m_downloads, &app::DownloadController::move);
            connect(row, &JobRow::cancelWanted, &m_downloads, &app::DownloadController::cancel);
            connect(row, &JobRow::goWanted, this, [this](const app::DownloadJob& wanted) {
                if (wanted.state == app::JobState::Done)
                    emit openWanted(wanted.file);
                else if (wanted.state == app::JobState::Paused ||
                         wanted.state == app::JobState::Failed)
                    m_downloads.resume(wanted.id);
                else
                    m_downloads.pause(wanted.id);
            });
        }
        if (m_column->indexOf(row) != i)
            m_column->insertWidget(i, row);
        row->show(job, i == 0, i + 1 == jobs.size());
        m_rows.insert(job.id, row);
        isAnyDone = isAnyDone || job.state == app::JobState::Done;
    }
    for (JobRow* gone : left)
        gone->deleteLater();
    m_clear->setVisible(isAnyDone);
    setVisible(!jobs.isEmpty());
}

} // namespace ui

#include "job_list.moc"
