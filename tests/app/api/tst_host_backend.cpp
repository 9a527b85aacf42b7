// The API's view of the program: which model a name means, when one is loaded for a request, and
// what is told when it cannot be.
#include "app/api/host_backend.h"
#include "app/settings.h"
#include "tests/app/application_bed.h"
#include "tests/support/suite_registry.h"

#include <optional>
#include <QtTest/QtTest>
#include <set>

namespace {

using Answer = std::variant<std::shared_ptr<const engine::ModelInfo>, app::ApiError>;

std::string nameOf(const std::optional<Answer>& answer) {
    const auto* model =
        answer ? std::get_if<std::shared_ptr<const engine::ModelInfo>>(&*answer) : nullptr;
    return model != nullptr && *model != nullptr ? (*model)->name : std::string();
}

} // namespace

class TstHostBackend : public QObject, private tests::ApplicationBed {
    Q_OBJECT

  private slots:
    void init() {
        begin();
        const QDir dir(m_dir->path());
        QVERIFY(dir.mkpath(QStringLiteral("models/folder")));
        for (const char* name : {"models/other.gguf", "models/folder/config.json", "secret.gguf",
                                 "models/notes.txt"}) {
            QFile file(dir.filePath(QLatin1String(name)));
            QVERIFY(file.open(QIODevice::WriteOnly));
        }
    }
    void cleanup() { end(); }

    void namesOfTheLoadedModel() {
        start();
        for (const char* name : {"m", "m.gguf", "default", ""})
            QCOMPARE(nameOf(obtain(name)), std::string("m"));
        const std::vector<app::ApiModel> models = backend().models();
        QCOMPARE(models.front().id, std::string("m"));
        QVERIFY(models.front().isLoaded);
        std::set<std::string> ids;
        for (const app::ApiModel& model : models)
            ids.insert(model.id);
        QVERIFY(ids.contains("other") && ids.contains("folder") && ids.contains("ember"));
        QVERIFY(!ids.contains("notes") && !ids.contains("secret"));
    }

    /// A name is looked up in a list and never is a path.
    void pathsAreNoNames() {
        start();
        const std::size_t loads = m_fake->loads().size();
        const std::string outside = m_dir->filePath(QStringLiteral("secret.gguf")).toStdString();
        const std::string inside =
            m_dir->filePath(QStringLiteral("models/other.gguf")).toStdString();
        for (const std::string& name :
             {std::string(".."), std::string("../secret"), std::string("../secret.gguf"), outside,
              inside, std::string("./other"), std::string("folder/../other"),
              std::string("folder/"), std::string("other\0.gguf", 11), std::string("notes.txt"),
              std::string("/etc/passwd"), std::string("file:///etc/passwd"), std::string("~"),
              std::string(100'000, 'a'), std::string("OTHER")}) {
            const auto answer = obtain(name);
            QVERIFY2(errorOf(answer).status == 404, name.substr(0, 60).c_str());
            QCOMPARE(errorOf(answer).code, std::string("model_not_found"));
        }
        QCOMPARE(m_fake->loads().size(), loads);
    }

    /// Nothing runs: the request waits for its model.
    void anIdleProgramLoadsWhatIsAskedFor() {
        start();
        m_fake->setLoad({.duration = std::chrono::milliseconds(100)});
        const auto first = ask("other");
        const auto second = ask("other"); // while it loads: waits with the first one
        QTRY_VERIFY(first->has_value() && second->has_value());
        QCOMPARE(nameOf(*first), std::string("other"));
        QCOMPARE(nameOf(*second), std::string("other"));
        QCOMPARE(m_fake->loads().size(), std::size_t(2)); // m, other
        QCOMPARE(m_app->settings().values().lastModel, QStringLiteral("/models/m.gguf"));
    }

    void anotherOneIsToldToComeBackWhileOneLoads() {
        start();
        m_fake->setLoad({.duration = std::chrono::milliseconds(300)});
        const auto waits = ask("other");
        QTRY_VERIFY(m_fake->loads().size() == 2);
        const auto answer = obtain("folder");
        QCOMPARE(errorOf(answer).status, 503);
        QCOMPARE(errorOf(answer).code, std::string("model_loading"));
        QVERIFY(errorOf(answer).retryAfter_s > 0);
        QTRY_VERIFY(waits->has_value());
        QCOMPARE(nameOf(*waits), std::string("other"));
    }

    /// Answers run: no request of the API takes their model away.
    void aBusyProgramLoadsNothing() {
        m_script = {.answer = "word ", .tokensPerSecond = 100, .repeat = true};
        start();
        QSignalSpy grew(m_chat.get(), &app::ChatController::messageGrew);
        m_chat->send(QStringLiteral("go"));
        QTRY_VERIFY(!grew.isEmpty());
        const auto answer = obtain("other");
        QCOMPARE(errorOf(answer).status, 503);
        QCOMPARE(errorOf(answer).code, std::string("model_busy"));
        QVERIFY(errorOf(answer).retryAfter_s > 0);
        QCOMPARE(m_fake->loads().size(), std::size_t(1));
        QCOMPARE(nameOf(obtain("m")), std::string("m"));
    }

    void aLoadThatFailsIsSaid() {
        start();
        m_fake->setLoad({.failure = engine::Status(engine::Code::OutOfMemory)});
        const auto answer = obtain("other");
        QCOMPARE(errorOf(answer).status, 503);
        QCOMPARE(errorOf(answer).code, std::string("model_load_failed"));
        QVERIFY(!errorOf(answer).message.empty());
        QCOMPARE(nameOf(obtain("m")), std::string("m"));
    }

    void withoutAModelItSaysSo() {
        start(false);
        QVERIFY(backend().health() == app::ApiHealth::NoModel);
        const auto answer = obtain("");
        QCOMPARE(errorOf(answer).status, 503);
        QCOMPARE(errorOf(answer).code, std::string("no_model"));
        QVERIFY(errorOf(answer).retryAfter_s > 0);
    }

    void theResponseCacheIsASettingOfTheMoment() {
        start();
        QVERIFY(backend().cache() != nullptr);
        QVERIFY(backend().responseUse() == app::ResponseUse::Repeatable);
        app::SettingsValues values = m_app->settings().values();
        values.caches.responses = app::ResponseUse::Never;
        m_app->settings().set(values);
        QVERIFY(backend().responseUse() == app::ResponseUse::Never);
        restart();
        QVERIFY(backend().responseUse() == app::ResponseUse::Never);
    }

  private:
    using Shared = std::shared_ptr<std::optional<Answer>>;

    app::HostBackend& backend() { return m_app->apiBackend(); }
    static app::ApiError errorOf(const std::optional<Answer>& answer) {
        const auto* error = answer ? std::get_if<app::ApiError>(&*answer) : nullptr;
        return error != nullptr ? *error : app::ApiError{.status = 0};
    }
    /// The answer comes on any thread; it is handed over on this one.
    Shared ask(const std::string& name) {
        auto given = std::make_shared<std::optional<Answer>>();
        backend().obtainModel(name, [this, given](Answer answer) {
            QMetaObject::invokeMethod(
                this, [given, answer = std::move(answer)] { *given = answer; },
                Qt::QueuedConnection);
        });
        return given;
    }
    std::optional<Answer> obtain(const std::string& name) {
        const Shared given = ask(name);
        (void)QTest::qWaitFor([&] { return given->has_value(); });
        return *given;
    }
};

INGLENOOK_SUITE(host_backend, TstHostBackend)
#include "tst_host_backend.moc"
