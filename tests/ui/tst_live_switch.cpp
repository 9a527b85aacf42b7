// Another number format, then another model, from the page of settings, while chats and a program
// on the API are being answered: the real window over the real engine, on a computer whose memory
// holds one model.
#include "app/api/api_controller.h"
#include "app/paths.h"
#include "app/session/chat_controller.h"
#include "app/session/model_controller.h"
#include "app/settings.h"
#include "engine/model/opened_model.h"
#include "engine/runtime/engine_impl.h"
#include "tests/support/desktop_fixture.h"
#include "tests/support/hugging_face_folder.h"
#include "tests/support/suite_registry.h"
#include "tests/support/tight_executor.h"
#include "ui/admin/setting_control.h"
#include "ui/admin/setting_row.h"
#include "ui/admin/settings_page.h"
#include "ui/chat/chat_page.h"
#include "ui/chat/chat_tab_bar.h"
#include "ui/chat/chat_tabs.h"
#include "ui/chat/interruption_dialog.h"
#include "ui/main_window.h"
#include "ui/pages.h"

#include <algorithm>
#include <QComboBox>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QNetworkAccessManager>
#include <QNetworkReply>
#include <QPushButton>
#include <QtTest/QtTest>

namespace {

constexpr int kTokens = 150; // of every answer, at most
constexpr std::int64_t kStep_us = 6000;
constexpr std::int64_t kSlowStep_us = 60'000;

engine::EngineParts partsOver(const std::shared_ptr<tests::TightMemory>& memory) {
    engine::EngineParts parts;
    parts.open = engine::openModel;
    parts.makeExecutor =
        [memory](const std::string&,
                 engine::SplitMode) -> engine::Result<std::unique_ptr<engine::Executor>> {
        return tests::makeTightExecutor(memory);
    };
    return parts;
}

/// A streaming request of another program.
class Stream {
  public:
    explicit Stream(const QString& url) {
        QNetworkRequest request(QUrl(url + QStringLiteral("/v1/chat/completions")));
        request.setHeader(QNetworkRequest::ContentTypeHeader, QStringLiteral("application/json"));
        const QByteArray body =
            R"({"model":"default","stream":true,"stream_options":{"include_usage":true},)"
            R"("temperature":0,"cache":false,"max_tokens":)" +
            QByteArray::number(kTokens) +
            R"(,"messages":[{"role":"user","content":"Tell me about every page."}]})";
        m_reply.reset(m_network.post(request, body));
        QObject::connect(m_reply.get(), &QNetworkReply::readyRead,
                         [this] { m_received += m_reply->readAll(); });
    }
    bool isOver() const { return m_reply->isFinished(); }
    const QByteArray& received() const { return m_received; }
    /// The answer, of all events that came.
    QString text() const {
        QString text;
        for (const QByteArray& line : m_received.split('\n'))
            if (line.startsWith("data: {"))
                for (const QJsonValue choice : QJsonDocument::fromJson(line.mid(6))
                                                   .object()
                                                   .value(QLatin1String("choices"))
                                                   .toArray())
                    text += choice.toObject()
                                .value(QLatin1String("delta"))
                                .toObject()
                                .value(QLatin1String("content"))
                                .toString();
        return text;
    }
    bool isWhole() const {
        return m_received.contains("\"finish_reason\":\"stop\"") ||
               m_received.contains("\"finish_reason\":\"length\"");
    }

  private:
    QNetworkAccessManager m_network;
    std::unique_ptr<QNetworkReply> m_reply;
    QByteArray m_received;
};

} // namespace

class TstLiveSwitch : public QObject {
    Q_OBJECT

  private slots:
    void init() {
        m_memory = std::make_shared<tests::TightMemory>();
        m_desktop = std::make_unique<tests::DesktopFixture>(
            [this] { return std::make_unique<engine::EngineImpl>(partsOver(m_memory)); });
        QVERIFY(m_desktop->started());
        app::SettingsValues values = settings().values();
        values.sampling.maxTokens = kTokens;
        values.samplingOverridden = true;
        values.sampling.temperature = 0; // the same answer to the same question
        values.caches.responses = app::ResponseUse::Never;
        values.weights = QStringLiteral("int8");
        values.apiEnabled = true;
        values.apiPort = 0;
        settings().set(values);
        QVERIFY(writeOtherModel());
        values = settings().values();
        values.recentModels = {m_other};
        settings().set(values);
        m_desktop->application().models().load(app::builtInModelPath(),
                                               {.weights = QStringLiteral("int8")});
        QTRY_COMPARE_WITH_TIMEOUT(model().weights, QStringLiteral("int8"), 30000);
        QVERIFY(m_desktop->ask(QStringLiteral("What is Ember?")));
        m_desktop->window().show();
        m_desktop->window().showPage(ui::PageId::Settings);
        m_page =
            qobject_cast<ui::SettingsPage*>(m_desktop->window().pageWidget(ui::PageId::Settings));
        m_named.clear();
    }
    void cleanup() {
        m_chats.clear();
        m_stream.reset();
        m_desktop.reset();
    }

    void whenTheyFinishLosesNothing() {
        startAll();
        m_memory->stepTime_us = 0;
        const QStringList undisturbed = wholeAnswers();
        QCOMPARE(undisturbed.size(), 3);
        startAll();
        choose("weights", QStringLiteral("int4"));
        m_page->apply();
        QVERIFY(answerTheQuestion(QMessageBox::AcceptRole));
        m_memory->stepTime_us = kStep_us;
        QCOMPARE(m_named.count(QStringLiteral("•")), 3);
        QCOMPARE(model().weights, QStringLiteral("int8")); // as long as they are being answered
        QTRY_COMPARE_WITH_TIMEOUT(model().weights, QStringLiteral("int4"), 60000);
        for (const app::ChatController* chat : m_chats) {
            const app::Message answer = chat->messages().last();
            QVERIFY(answer.stopReason == app::StopReason::EndOfAnswer ||
                    answer.stopReason == app::StopReason::MaxTokens);
            QCOMPARE(answer.model.weights, QStringLiteral("int8"));
            QVERIFY(answer.stats->generatedTokens > 0);
        }
        QTRY_VERIFY(m_stream->isOver());
        QVERIFY2(m_stream->isWhole(), m_stream->received().constData());
        QCOMPARE(wholeAnswers(), undisturbed); // to the last token
        QCOMPARE(settings().values().weights, QStringLiteral("int4"));
        QCOMPARE(m_memory->models.load(), 1);

        // The conversation goes on with what is there now, and keeps what was said.
        m_memory->stepTime_us = 0;
        m_desktop->window().showPage(ui::PageId::Chat);
        QVERIFY(m_desktop->ask(QStringLiteral("And what else?")));
        const QList<app::Message> said = m_desktop->window().chatPage().chat().messages();
        QCOMPARE(said.size(), 4);
        QCOMPARE(said.at(1).model.weights, QStringLiteral("int8"));
        QCOMPARE(said.at(3).model.weights, QStringLiteral("int4"));
    }

    void nowEndsTheNamedOnesWithTheirText() {
        startAll();
        choose("last_model", m_other);
        m_page->apply();
        QVERIFY(answerTheQuestion(QMessageBox::DestructiveRole));
        QCOMPARE(m_named.count(QStringLiteral("•")), 3);
        for (const app::ChatController* chat : m_chats) {
            QVERIFY2(m_named.contains(chat->messages().first().text.left(20)), qPrintable(m_named));
            QTRY_COMPARE_WITH_TIMEOUT(chat->progress().phase, app::GenerationPhase::Idle, 10000);
            const app::Message answer = chat->messages().last();
            QCOMPARE(answer.stopReason, app::StopReason::Cancelled);
            QVERIFY(!answer.text.isEmpty());
        }
        QTRY_VERIFY(m_stream->isOver());
        QVERIFY(!m_stream->isWhole());
        QVERIFY(m_stream->received().contains("\"content\""));
        QTRY_COMPARE_WITH_TIMEOUT(model().path, m_other, 30000);
        QCOMPARE(m_memory->models.load(), 1);
        // The chat that was not being answered has lost nothing and is answered by the new one.
        m_memory->stepTime_us = 0;
        m_desktop->window().showPage(ui::PageId::Chat);
        QCOMPARE(m_desktop->window().chatPage().chat().messages().last().stopReason,
                 app::StopReason::EndOfAnswer);
        QVERIFY(m_desktop->ask(QStringLiteral("Go on")));
        QCOMPARE(m_desktop->window().chatPage().chat().messages().last().model.name, model().name);
    }

    void memoryIsBackAfterEject() {
        QCOMPARE(m_memory->models.load(), 1);
        QElapsedTimer clock;
        clock.start();
        m_desktop->application().models().unload();
        QTRY_COMPARE_WITH_TIMEOUT(m_memory->models.load(), 0, 2000);
        QVERIFY(!model().isLoaded());
        qInfo("memory back after %lld ms", clock.elapsed());
    }

  private:
    app::Settings& settings() { return m_desktop->application().settings(); }
    app::ModelValue model() { return m_desktop->application().models().model(); }

    bool writeOtherModel() {
        const QString source = QStringLiteral(INGLENOOK_SOURCE_DIR);
        m_other = m_desktop->paths().dataDir + QStringLiteral("/other");
        return tests::writeHuggingFaceFolder(
            tests::PublishedModel::R1DistillLlama8B, tests::RopeForm::RopeParameters,
            tests::Weights::AsTheyAre,
            source + QStringLiteral("/tests/fixtures/goldens/llama-llama3rope"),
            source + QStringLiteral("/tests/fixtures/templates/deepseek-r1-distill.jinja"),
            m_other);
    }

    /// Two tabs beside the one that is shown, and a program, all in the middle of an answer.
    void startAll() {
        m_memory->stepTime_us = kSlowStep_us; // nobody is to end before the question is answered
        m_chats.clear();
        m_stream = std::make_unique<Stream>(m_desktop->application().api().state().url);
        ui::ChatTabs& tabs = m_desktop->window().chatPage().tabs();
        m_desktop->window().showPage(ui::PageId::Chat);
        for (const char* question : {"Which keys are there?", "How do I quantize a model?"}) {
            tabs.newTab();
            QVERIFY(m_desktop->ask(QString::fromLatin1(question), false));
            m_chats.push_back(&tabs.chat());
        }
        tabs.bar().setCurrentIndex(0);
        m_desktop->window().showPage(ui::PageId::Settings);
        for (const app::ChatController* chat : m_chats)
            QTRY_VERIFY_WITH_TIMEOUT(
                !chat->messages().isEmpty() && chat->messages().last().text.size() > 5, 20000);
        QTRY_VERIFY_WITH_TIMEOUT(m_stream->received().contains("\"content\""), 20000);
    }

    /// What they were answered, when all have ended.
    QStringList wholeAnswers() {
        const auto isOver = [this] {
            return m_stream->isOver() &&
                   std::all_of(m_chats.begin(), m_chats.end(), [](const app::ChatController* chat) {
                       return chat->progress().phase == app::GenerationPhase::Idle;
                   });
        };
        if (!tests::waitUntil(isOver, 60000))
            return {};
        QStringList answers{m_stream->text()};
        for (const app::ChatController* chat : m_chats)
            answers.append(chat->messages().last().text);
        return answers;
    }

    void choose(const char* id, const QString& word) {
        auto* combo =
            qobject_cast<QComboBox*>(m_page->row(QString::fromLatin1(id))->control().editor());
        const int index = combo->findData(word);
        QVERIFY2(index >= 0, qPrintable(word));
        combo->setCurrentIndex(index);
    }

    bool answerTheQuestion(QMessageBox::ButtonRole role) {
        ui::InterruptionDialog* dialog = nullptr;
        const auto find = [&] {
            dialog = m_desktop->window().findChild<ui::InterruptionDialog*>();
            return dialog != nullptr && dialog->isVisible();
        };
        if (!tests::waitUntil(find, 20000))
            return false;
        m_named = dialog->informativeText();
        for (QAbstractButton* button : dialog->buttons())
            if (dialog->buttonRole(button) == role)
                button->click();
        return true;
    }

    std::shared_ptr<tests::TightMemory> m_memory;
    std::unique_ptr<tests::DesktopFixture> m_desktop;
    std::vector<app::ChatController*> m_chats; // of the two tabs
    std::unique_ptr<Stream> m_stream;
    ui::SettingsPage* m_page = nullptr;
    QString m_other;
    QString m_named;
};

INGLENOOK_SUITE(live_switch, TstLiveSwitch)
#include "tst_live_switch.moc"
