// The API as something that the settings switch: what it cannot do now is not switched off for
// good.
#include "app/api/api_controller.h"
#include "app/application.h"
#include "app/settings.h"
#include "tests/support/fake_engine.h"
#include "tests/support/suite_registry.h"

#include <QTcpServer>
#include <QtTest/QtTest>

class TstApiController : public QObject {
    Q_OBJECT

  private slots:
    /// The network never finds the server without a key, not even for the moment of a revocation.
    void theServerOfTheNetworkStopsBeforeItsLastKeyGoes() {
        const QTemporaryDir dir;
        app::Application application(app::Paths{dir.path()},
                                     [] { return std::make_unique<tests::FakeEngine>(); });
        QCOMPARE(application.start(), app::Application::StartResult::Started);
        app::ApiController& api = application.api();
        api.createKey(QStringLiteral("one"));
        api.createKey(QStringLiteral("two"));
        QVERIFY(api.start({.host = QStringLiteral("0.0.0.0"), .port = 0}).ok());
        qsizetype keysAtTheStop = -1;
        connect(&api, &app::ApiController::stateChanged, this, [&](const app::ApiState& state) {
            if (state.phase == app::ApiPhase::Off && keysAtTheStop < 0)
                keysAtTheStop = api.keys().size();
        });
        api.revokeKey(api.keys().first().id);
        QCOMPARE(api.state().phase, app::ApiPhase::Listening); // another one is left
        api.revokeKey(api.keys().first().id);
        QCOMPARE(api.state().phase, app::ApiPhase::Off);
        QCOMPARE(keysAtTheStop, 1);
        QVERIFY(api.keys().isEmpty() && !api.state().asksKey);
        QVERIFY(!api.start({.host = QStringLiteral("0.0.0.0"), .port = 0}).ok());
    }

    void aTakenPortAtTheStartSwitchesNothingOff() {
        QTcpServer other;
        QVERIFY(other.listen(QHostAddress::LocalHost));
        const QTemporaryDir dir;
        app::SettingsValues wanted;
        wanted.apiEnabled = true;
        wanted.apiPort = other.serverPort();
        {
            app::Settings settings(app::Paths{dir.path()}.settingsFile());
            settings.set(wanted);
            QVERIFY(settings.flush());
        }
        app::Application application(app::Paths{dir.path()},
                                     [] { return std::make_unique<tests::FakeEngine>(); });
        QCOMPARE(application.start(), app::Application::StartResult::Started);
        app::ApiController& api = application.api();
        QCOMPARE(api.state().phase, app::ApiPhase::Off);
        QSignalSpy failed(&api, &app::ApiController::failed);

        app::SettingsValues values = application.settings().values();
        values.fontZoom = 125; // nothing of the API's
        application.settings().set(values);
        QVERIFY(application.settings().values().apiEnabled);
        QCOMPARE(failed.size(), 0);

        values.apiPort = 0; // now it is: a free port serves
        application.settings().set(values);
        QCOMPARE(api.state().phase, app::ApiPhase::Listening);
        values.apiEnabled = false;
        application.settings().set(values);
        QCOMPARE(api.state().phase, app::ApiPhase::Off);

        values.apiEnabled = true;
        values.apiPort = other.serverPort();
        application.settings().set(values);
        QCOMPARE(failed.size(), 1); // asked for now, and refused now
        QVERIFY(!application.settings().values().apiEnabled);
    }
};

INGLENOOK_SUITE(api_controller, TstApiController)
#include "tst_api_controller.moc"
